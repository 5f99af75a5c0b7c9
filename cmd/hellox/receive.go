package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/ops"
	"hellox/history"
	"hellox/history/memory"
	"hellox/history/sqlite"
	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/web"
)

func newReceive(sh shell) *cobra.Command {
	var (
		r         receiver
		url       string
		login     brokerFlags
		page      pageFlags
		opsListen string
		storeURL  string
		keep      string
		logs      ops.LogFlags
	)
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "Store every message, and serve the page and its API",
		Example: `  hellox receive --broker mqtt://127.0.0.1:1883 --history sqlite:history.db
  hellox receive --broker mqtt://127.0.0.1:1883 --topic 'sensors/#' --history memory:
  hellox receive --broker mqtt://127.0.0.1:1883 --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.Logger(sh.err, "receive")
			var err error
			if r.broker, err = login.parse(cmd.Context(), sh, url); err != nil {
				return err
			}
			r.clientID = login.clientID
			bytes, err := humanize.ParseBytes(keep)
			if err != nil || bytes < 1<<20 || bytes > 1<<50 {
				return usage(fmt.Sprintf("--keep takes 1MiB or more, not %q", keep), "")
			}
			metrics := ops.NewRegistry()
			ops.AddCABundle(metrics, login.ca)
			r.log, r.metrics = log, metrics
			return runRole(cmd.Context(), func(ctx context.Context) error {
				pages, err := page.listen(ctx, log)
				if err != nil {
					return err
				}
				defer pages.close()
				store, err := openHistory(ctx, storeURL, int64(bytes), r.keepFor, log, metrics)
				if err != nil {
					return err
				}
				defer store.Close()
				r.store = store
				pages.tell(log)
				r.login = pages.login
				group, ctx := errgroup.WithContext(ctx)
				group.Go(func() error { return r.run(ctx, pages.open) })
				group.Go(func() error { pages.access.Watch(ctx, nil); return nil })
				group.Go(func() error { return ops.Serve(ctx, opsListen, r.health(), metrics) })
				return group.Wait()
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "broker", "mqtt://127.0.0.1:1883", "`URL` of the broker: mqtt, mqtts, ws or wss")
	login.addLogin(f)
	f.StringVar(&login.clientID, "client-id", receiverID, "MQTT client `ID` of the persistent session; ID-retained reads what the broker retains")
	args.Strings(f, &r.topics, "topic", "", []string{stream.TopicStream}, "MQTT topic `FILTER` to store; repeatable", stream.CheckTopicFilter)
	args.Strings(f, &page.addresses, "listen", "", []string{"127.0.0.1:8420"}, "`HOST:PORT` of the page and its API; repeatable. Beyond loopback it needs a certificate, and asks for a login", checkAddress)
	f.StringVar(&page.cert, "tls-cert", "", "`FILE` of the page's certificate beyond loopback (PEM)")
	f.StringVar(&page.key, "tls-key", "", "`FILE` of the certificate's key (PEM)")
	args.String(f, &storeURL, "history", "sqlite:history.db", "`sqlite:PATH|memory:`, where messages are stored", checkHistory)
	f.StringVar(&keep, "keep", "1GiB", "evict the oldest messages beyond so many `BYTES`")
	args.Duration(f, &r.keepFor, "keep-for", 720*time.Hour, time.Second, "evict what is older than this `TIME`")
	f.StringVar(&r.name, "name", "", "`NAME` of the installation, shown on the page")
	f.StringVar(&opsListen, "ops-listen", "", "`HOST:PORT` for /healthz, /readyz and /metrics (default: none)")
	logs.Add(f)
	return cmd
}

// checkAddress returns an error unless s is HOST:PORT.
func checkAddress(s string) error {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return args.Expected("HOST:PORT")
	}
	return nil
}

// receiverID is the receiver's MQTT client id. It is fixed: the broker keeps
// what arrives for it while it is away.
const receiverID = "hellox-receive"

// writableStore is a Store that the receiver appends to.
type writableStore interface {
	history.Store
	Run(ctx context.Context, in <-chan stream.Arrival) error
	SetLink(stream.Link)
	SetBroker(stream.BrokerState)
}

// checkHistory returns an error unless s names a history.
func checkHistory(s string) error {
	if path, ok := strings.CutPrefix(s, "sqlite:"); s != "memory:" && (!ok || path == "") {
		return args.Expected("sqlite:PATH or memory:")
	}
	return nil
}

// openHistory opens what --history names; checkHistory has seen it.
func openHistory(ctx context.Context, where string, keep int64, keepFor time.Duration, log *slog.Logger, metrics prometheus.Registerer) (writableStore, error) {
	if where == "memory:" {
		return memory.New(keep), nil
	}
	return sqlite.Open(ctx, strings.TrimPrefix(where, "sqlite:"), sqlite.Options{Keep: keep, KeepFor: keepFor, Log: log, Metrics: metrics})
}

// receiver subscribes, stores, and serves what is stored.
type receiver struct {
	broker   mqtt.Broker
	clientID string
	topics   []string
	name     string
	keepFor  time.Duration
	login    *web.Login // the page beyond loopback; nil: there is none
	store    writableStore
	log      *slog.Logger
	metrics  prometheus.Registerer

	subscribed     func()      // called when the subscription stands, each time; nil: not called
	brokerDegraded atomic.Bool // as it was logged
}

func (r *receiver) setLink(l stream.Link) {
	r.store.SetLink(l)
	if l.State == stream.Connected && r.subscribed != nil {
		r.subscribed()
	}
}

// run works until ctx ends. A message is acknowledged to the broker once it is
// in the history; what is not comes again.
func (r *receiver) run(ctx context.Context, page net.Listener) error {
	arrivals := make(chan stream.Arrival, mqtt.Window)
	client, err := mqtt.Dial(ctx, mqtt.DialOptions{Broker: r.broker, Background: true})
	if err != nil {
		return err
	}
	defer client.Close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return mqtt.Subscribe(ctx, mqtt.SubscribeOptions{
			Broker: r.broker, ClientID: r.clientID,
			Topics: append([]string{stream.PresenceTopic("+")}, r.topics...),
			QoS:    1, Persistent: true, RetainedFirst: true, Log: r.log, Link: r.setLink, BrokerState: r.setBroker,
		}, arrivals)
	})
	group.Go(func() error { return r.store.Run(ctx, arrivals) })
	group.Go(func() error {
		return web.Serve(ctx, page, web.Options{
			Store: r.store, Client: client, Retained: r.eachRetained, Topics: r.topics, Name: func() string { return r.name }, Login: r.login, Log: r.log, Metrics: r.metrics,
		})
	})
	return group.Wait()
}

// eachRetained reads what the broker retains.
func (r *receiver) eachRetained(ctx context.Context, filters []string, f func(stream.Arrival) bool) error {
	return mqtt.EachRetained(ctx, r.broker, filters, f)
}

// setBroker passes on what the broker says about itself, and logs it.
func (r *receiver) setBroker(s stream.BrokerState) {
	switch {
	case s.Degraded != "":
		r.log.Warn("the broker is degraded", "cause", s.Degraded, "since", s.Since)
	case r.brokerDegraded.Load():
		r.log.Info("the broker is well again")
	}
	r.brokerDegraded.Store(s.Degraded != "")
	r.store.SetBroker(s)
}

// health of a receiver: it is ready as long as its page answers. Without a
// broker, or with a full disk, it still shows what it has.
func (r *receiver) health() ops.Health {
	return ops.Health{Degraded: func() string {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		stats, err := r.store.Stats(ctx)
		if err != nil {
			return err.Error()
		}
		return stats.Degraded
	}}
}
