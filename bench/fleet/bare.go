package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sync/errgroup"

	"hellox/stream/broadcast"
)

// bare is a process of clients that are paho's alone, with the options and packets of a
// broadcaster: what they cost is the least that a broadcaster can.
type bare struct {
	url       string // of the broker; "": it is not asked for
	ca, token string // files; "": none
	metrics   string // HOST:PORT of /metrics
	connected atomic.Int64
}

// run opens count clients at the pace of broadcasters, and waits until ctx ends.
func (b *bare) run(ctx context.Context, count int) error {
	go func() { _ = http.ListenAndServe(b.metrics, b) }()
	o := paho.NewClientOptions().AddBroker(b.url).SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).
		SetKeepAlive(0).SetWriteTimeout(5 * time.Second).SetDefaultPublishHandler(func(paho.Client, paho.Message) {})
	if b.ca != "" {
		ca, err := os.ReadFile(b.ca)
		if err != nil {
			return err
		}
		token, err := os.ReadFile(b.token)
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		o.SetTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}).SetUsername("broadcast").SetPassword(string(token))
	}
	var group errgroup.Group
	group.SetLimit(broadcast.MaxDialing)
	began := time.Now()
	for i := range count {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / broadcast.ConnectsPerSecond)))
		id := "broadcast-" + strconv.Itoa(i)
		group.Go(func() error { return b.open(*o, id) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// open connects one client and sends what a broadcaster does as it begins. Nothing but
// paho holds the client then.
func (b *bare) open(o paho.ClientOptions, id string) error {
	presence := "hellox/presence/" + id
	o.SetClientID(id).SetWill(presence, `{"state":"lost"}`, 1, true)
	c := paho.NewClient(&o)
	wait := func(t paho.Token) error { t.Wait(); return t.Error() }
	err := errors.Join(
		wait(c.Connect()),
		wait(c.SubscribeMultiple(map[string]byte{"hellox/command/" + id: 0, presence: 0, "hellox/broker": 0, "hellox/refused/" + id: 0}, nil)),
		wait(c.Publish(presence, 1, true, `{"state":"here"}`)),
		wait(c.Publish("hello_world/broadcast/"+id, 1, false, `{"text":"Hello world"}`)))
	if err == nil {
		b.connected.Add(1)
	}
	return err
}

// ServeHTTP answers with those metrics of hellox broadcast that the benchmark reads.
func (b *bare) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "hellox_broadcast_connected %d\ngo_goroutines %d\ngo_memstats_heap_alloc_bytes %d\ngo_memstats_stack_inuse_bytes %d\ngo_memstats_last_gc_time_seconds %f\n",
		b.connected.Load(), runtime.NumGoroutine(), m.HeapAlloc, m.StackInuse, float64(m.LastGC)/1e9)
}

// token returns what looks like the token of a pod: on loopback the broker does not ask
// whose it is, and the client reads its times.
func token() string {
	now := time.Now().Unix()
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256","kid":"`+strings.Repeat("k", 43)+`"}`) + "." +
		part(fmt.Sprintf(`{"aud":["hellox-broker"],"exp":%d,"nbf":%d,"sub":"system:serviceaccount:hellox:broadcast","pad":%q}`, now+3600, now, strings.Repeat("x", 400))) + "." +
		part(strings.Repeat("s", 256))
}
