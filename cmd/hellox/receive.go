package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/opening"
	"hellox/cmd/hellox/ops"
	"hellox/history"
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
		histories historyFlags
		keep      string
		logs      ops.LogFlags
	)
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "Store every message, and serve the page and its API",
		Long: `Store every message, and serve the page and its API.

With --history nats://HOST:PORT the history is in the streams of hellox nats, and any
number of receivers share it: each serves all of it, with the same IDs. What the broker
has acknowledged (QoS 1 and 2; QoS 0 is stored nowhere) is appended by one of them at a
time; when that ends, another one goes on.`,
		Example: `  hellox receive --broker mqtt://127.0.0.1:1883 --history sqlite:history.db
  hellox receive --broker mqtts://node-0.example --ca certs/ca.crt --user recv --history nats://node-0.example,node-1.example,node-2.example \
    --history-cert certs/peer.crt --history-key certs/peer.key --history-ca certs/ca.crt
  hellox receive --broker mqtt://127.0.0.1:1883 --topic 'sensors/#' --history memory:
  hellox receive --broker mqtt://127.0.0.1:1883 --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := logs.Logger(sh.err, "receive")
			if page.cert == "" && histories.cert == "" {
				sh.hangupEnds()
			}
			var err error
			if r.broker, err = login.parse(cmd.Context(), sh, url); err != nil {
				return err
			}
			r.clientID = login.clientID
			bytes, err := keepBytes(keep)
			if err != nil {
				return err
			}
			if err := histories.check(); err != nil {
				return err
			}
			metrics := ops.NewRegistry()
			ops.AddCABundle(metrics, login.ca)
			r.log, r.metrics, r.opening = log, metrics, opening.New("the history")
			return runRole(cmd.Context(), func(ctx context.Context) error {
				pages, err := page.listen(ctx, log)
				if err != nil {
					return err
				}
				defer pages.close()
				pages.tell(log)
				r.login = pages.login
				r.shared = strings.HasPrefix(histories.url, natsScheme)
				group, ctx := errgroup.WithContext(ctx)
				watch := pages.access.Watch(nil)
				group.Go(func() error { watch(ctx); return nil })
				group.Go(func() error {
					return r.open(ctx, pages.open, &histories, bytes)
				})
				group.Go(func() error { return ops.Serve(ctx, opsListen, r.health(), metrics) })
				return group.Wait()
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&url, "broker", "mqtt://127.0.0.1:1883", "`URL` of the broker: mqtt, mqtts, ws or wss; more hosts of it with commas")
	login.addLogin(f)
	f.StringVar(&login.clientID, "client-id", receiverID, "MQTT client `ID` of the persistent session; ID-retained reads what the broker retains")
	args.Strings(f, &r.topics, "topic", "", []string{stream.TopicStream}, "MQTT topic `FILTER` to store; repeatable", stream.CheckTopicFilter)
	args.Strings(f, &page.addresses, "listen", "", []string{"127.0.0.1:8420"}, "`HOST:PORT` of the page and its API; repeatable. Beyond loopback it needs a certificate, and asks for a login", checkAddress)
	f.StringVar(&page.cert, "tls-cert", "", "`FILE` of the page's certificate beyond loopback (PEM)")
	f.StringVar(&page.key, "tls-key", "", "`FILE` of the certificate's key (PEM)")
	args.Number(f, &page.loginPort, "login-port", "", 0, 0, 65535, "`PORT` in the login's URL in the log, where browsers come by another than that of --listen, as by a node's")
	histories.add(f)
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

// receiver subscribes, stores, and serves what is stored.
type receiver struct {
	broker   mqtt.Broker
	clientID string
	topics   []string
	name     string
	keepFor  time.Duration
	shared   bool             // others store in the same history, which reads the broker's streams itself
	login    *web.Login       // the page beyond loopback; nil: there is none
	opening  *opening.Waiting // of run with open
	store    writableStore    // once that is Ready
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

// open opens the history, and works with it until ctx ends. The page says meanwhile why
// it cannot be opened yet.
func (r *receiver) open(ctx context.Context, page net.Listener, h *historyFlags, keep int64) error {
	attempt, closeStore, err := h.opener(ctx, keep, r)
	if err != nil {
		return err
	}
	defer closeStore()
	return r.run(ctx, page, func(ctx context.Context) error { return r.opening.Open(ctx, attempt, r.log) })
}

// run works until ctx ends. With open the history is opened by it, and nothing is asked of
// the broker before; without, store is open.
func (r *receiver) run(ctx context.Context, page net.Listener, open func(context.Context) error) error {
	client, err := mqtt.Dial(ctx, mqtt.DialOptions{Broker: r.broker, Background: true})
	if err != nil {
		return err
	}
	defer client.Close()
	group, ctx := errgroup.WithContext(ctx)
	pages := web.Options{
		Store: r.store, Client: client, Retained: r.eachRetained, Topics: r.topics, Shared: r.shared,
		Name: func() string { return r.name }, Login: r.login, Log: r.log, Metrics: r.metrics,
	}
	opened := make(chan history.Store, 1)
	if open != nil {
		pages.Later = &web.Later{Store: opened, Why: r.opening.Why}
	}
	group.Go(func() error { return web.Serve(ctx, page, pages) })
	group.Go(func() error {
		if open != nil {
			if err := open(ctx); err != nil {
				return err
			}
			opened <- r.store
		}
		return r.receive(ctx)
	})
	return group.Wait()
}

// receive subscribes and stores until ctx ends. A message is acknowledged to the broker
// once it is in the history; what is not comes again.
func (r *receiver) receive(ctx context.Context) error {
	arrivals := make(chan stream.Arrival, mqtt.Window)
	group, ctx := errgroup.WithContext(ctx)
	subscription := mqtt.SubscribeOptions{
		Broker: r.broker, ClientID: r.clientID,
		Topics: append([]string{stream.PresenceTopic("+")}, r.topics...),
		QoS:    1, Persistent: true, RetainedFirst: true, Log: r.log, Link: r.setLink, BrokerState: r.setBroker,
	}
	if r.shared {
		// Each receiver has a client ID of its own, and asks for presence alone.
		subscription.ClientID += "-" + rand.Text()[:8]
		subscription.Topics, subscription.Persistent, subscription.RetainedFirst = subscription.Topics[:1], false, false
	}
	group.Go(func() error { return mqtt.Subscribe(ctx, subscription, arrivals) })
	group.Go(func() error { return r.store.Run(ctx, arrivals) })
	return group.Wait()
}

// eachRetained reads what the broker retains.
func (r *receiver) eachRetained(ctx context.Context, filters []string, f func(stream.Arrival) bool) error {
	return mqtt.EachRetained(ctx, r.broker, filters, f)
}

// setBroker passes on what the broker says about itself, and logs it. Of the nodes that hold
// a shared history the store knows it, also when none is connected.
func (r *receiver) setBroker(s stream.BrokerState) {
	switch {
	case r.shared:
		return
	case s.Degraded != "":
		r.log.Warn("the broker is degraded", "cause", s.Degraded, "since", s.Since)
	case r.brokerDegraded.Load():
		r.log.Info("the broker is well again")
	}
	r.brokerDegraded.Store(s.Degraded != "")
	r.store.SetBroker(s)
}

// health of a receiver: it is ready as long as its page shows the history. Without a
// broker, or with a full disk, it still shows what it has.
func (r *receiver) health() ops.Health {
	return ops.Health{Ready: r.opening.Ready, Degraded: func() string {
		if r.opening.Ready() != nil {
			return ""
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		stats, err := r.store.Stats(ctx)
		if err != nil {
			return err.Error()
		}
		return stats.Degraded
	}}
}
