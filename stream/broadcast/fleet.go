package broadcast

import (
	"context"
	"log/slog"
	"sync"
)

// A fleet is what the broadcasters of one process share.
type fleet struct {
	Options
	metrics    *metrics
	pace       *pace
	maxPending int // how many messages one broadcaster may hold

	mu        sync.Mutex
	connected int
	// unretained is why the newest presence was not retained, of any broadcaster; "": it was.
	unretained string
}

func newFleet(o Options) (*fleet, error) {
	o = o.withDefaults()
	if err := checkOpenFiles(o.Count); err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	return &fleet{
		Options:    o,
		metrics:    metrics,
		pace:       newPace(),
		maxPending: min(maxPendingEach, max(minPendingEach, maxPending/max(o.Count, 1))),
	}, nil
}

func (f *fleet) run(ctx context.Context) {
	if f.Count == 0 {
		f.Log.Info("the fleet ends before the share of this process", "id", f.ID, "total", f.Total)
		<-ctx.Done()
	}
	var wg sync.WaitGroup
	for i := range f.Count {
		// Made here and not in its goroutine, whose stack would grow for
		// it and stay grown.
		b := newBroadcaster(f, f.id(i))
		wg.Go(func() { b.run(ctx) })
	}
	wg.Wait()
}

// level returns want, or Debug if there are too many to log each.
func (f *fleet) level(want slog.Level) slog.Level {
	if f.Count > 10 {
		return slog.LevelDebug
	}
	return want
}

// presenceAcked logs why the broker has not retained a presence; "" if it has. All of a
// fleet have the same broker, so that a reason is logged once.
func (f *fleet) presenceAcked(id, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if why != "" && why != f.unretained {
		f.Log.Warn("the presence is not retained", "id", id, "cause", why)
	}
	f.unretained = why
}

// connectionChanged counts the connections. Of very many it logs when all stand, and
// when none does.
func (f *fleet) connectionChanged(by int, cause string) {
	f.mu.Lock()
	f.connected += by
	connected := f.connected
	f.mu.Unlock()
	f.metrics.connected.Add(float64(by))
	switch {
	case f.Count <= 10:
	case by > 0 && connected == f.Count:
		f.Log.Info("all broadcasters are connected", "count", f.Count, "broker", f.Broker)
	case by < 0 && connected == 0 && cause != "":
		f.Log.Warn("no broadcaster is connected", "count", f.Count, "broker", f.Broker, "cause", cause)
	}
}
