package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"hellox/broker"
	"hellox/cmd/hellox/ops"
	"hellox/cmd/hellox/state"
	"hellox/history/sqlite"
	"hellox/stream"
	"hellox/stream/broadcast"
	"hellox/stream/mqtt"
	"hellox/stream/safetext"
)

// maxLocal bounds the broadcasters of one process: each has its own connection.
const maxLocal = 10_000

// localStream is broker, broadcasters and receiver in one process.
type localStream struct {
	page     net.Listener
	broker   *broker.Broker
	receiver receiver
	fleet    *fleet
	log      io.Closer
}

// newLocalStream opens everything that can fail: the history and the broker's
// store in the installation's folder. The listeners are its own from here on.
func newLocalStream(ctx context.Context, dir state.Dir, name string, mqttListeners []net.Listener, page net.Listener) (*localStream, error) {
	file := state.OpenLog(dir.LogFile())
	log := slog.New(safetext.LogHandler(slog.NewJSONHandler(file, nil)))
	metrics := ops.NewRegistry()
	l := &localStream{page: page, log: file}
	var listeners []broker.Listener
	for _, ln := range mqttListeners {
		listeners = append(listeners, broker.Listener{Net: ln, Open: true})
	}
	store, err := sqlite.Open(ctx, dir.HistoryFile(), sqlite.Options{
		Keep: 1 << 30, Log: log.With("role", "receive"), Metrics: metrics,
	})
	if err != nil {
		return nil, errors.Join(err, l.log.Close())
	}
	l.broker, err = broker.New(broker.Options{
		Listeners: listeners,
		Store:     dir.BrokerDir(), Backpressure: []string{receiverID},
		Log: log.With("role", "broker"), Metrics: metrics,
	})
	if err != nil {
		return nil, errors.Join(err, store.Close(), l.log.Close())
	}
	at, err := mqtt.ParseBroker("mqtt://" + mqttListeners[0].Addr().String())
	if err != nil {
		return nil, errors.Join(err, store.Close(), l.log.Close())
	}
	at.MaxPacket = stream.MaxPacket
	l.receiver = receiver{
		broker: at, clientID: receiverID, topics: []string{stream.TopicStream}, name: name,
		store: store, log: log.With("role", "receive"), metrics: metrics,
	}
	subscribed, tell := context.WithCancel(context.Background())
	l.receiver.subscribed = tell
	l.fleet = &fleet{broker: at, log: log.With("role", "broadcast"), metrics: metrics, heard: subscribed.Done()}
	return l, nil
}

// run works until ctx ends: the broadcasters end first, so that the
// receiver stores their last presence, and the broker ends last.
func (l *localStream) run(ctx context.Context, broadcasters int) error {
	outer, stopBroker := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBroker()
	middle, stopReceiver := context.WithCancel(outer)
	defer stopReceiver()
	group, failing := errgroup.WithContext(ctx)
	group.Go(func() error { return l.broker.Serve(outer) })
	group.Go(func() error {
		defer stopBroker()
		return errors.Join(l.receiver.run(middle, l.page, nil), l.receiver.store.Close())
	})
	group.Go(func() error {
		defer stopReceiver()
		return l.fleet.run(failing, broadcasters)
	})
	return errors.Join(group.Wait(), l.log.Close())
}

// fleet is the broadcasters of a local installation. Their number can change while
// they run; their IDs are those of a StatefulSet: broadcast-0 and so on.
type fleet struct {
	broker  mqtt.Broker
	log     *slog.Logger
	metrics prometheus.Registerer
	heard   <-chan struct{} // closed when the receiver is subscribed: a first message before is lost

	mu    sync.Mutex
	start func(id string, crowd bool) (stop func()) // set while run runs
	stops []func()
}

// run starts n broadcasters and waits until ctx ends and all have ended.
func (f *fleet) run(ctx context.Context, n int) error {
	pace := rate.NewLimiter(broadcast.ConnectsPerSecond, broadcast.MaxDialing)
	group, ctx := errgroup.WithContext(ctx)
	f.mu.Lock()
	f.start = func(id string, crowd bool) func() {
		own, stop := context.WithCancel(ctx)
		group.Go(func() error {
			select {
			case <-f.heard:
			case <-time.After(linkTime): // the page says why
			case <-own.Done():
			}
			if pace.Wait(own) != nil {
				return nil //nolint:nilerr // stopped before its turn
			}
			return broadcast.Run(own, broadcast.Options{
				Broker: f.broker, ID: id, Min: minInterval, Max: maxInterval, QoS: 1, Log: f.log, Crowd: crowd,
			})
		})
		return stop
	}
	f.mu.Unlock()
	if err := f.scale(n); err != nil {
		return err
	}
	<-ctx.Done()
	f.mu.Lock()
	f.start = nil
	f.mu.Unlock()
	return group.Wait()
}

// scale changes the number of broadcasters to n; the highest IDs end first.
func (f *fleet) scale(n int) error {
	if n < 0 || n > maxLocal {
		return fmt.Errorf("%d broadcasters: one process runs 0 to %d", n, maxLocal)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.start == nil {
		return errors.New("the broadcasters are not running")
	}
	for len(f.stops) > n {
		last := len(f.stops) - 1
		f.stops[last]()
		f.stops = f.stops[:last]
	}
	for len(f.stops) < n {
		f.stops = append(f.stops, f.start(fmt.Sprintf("broadcast-%d", len(f.stops)), n >= broadcast.CrowdSize))
	}
	return nil
}
