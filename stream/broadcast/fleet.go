package broadcast

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"hellox/stream"
)

// A fleet is what the broadcasters of one process share.
type fleet struct {
	Options
	metrics *metrics
	pace    *pace
	size    atomic.Int64 // how many there are to be now

	shortfall shortfall

	mu        sync.Mutex
	connected int
	// unretained is why the newest presence was not retained, of any broadcaster; "": it was.
	unretained string
}

func newFleet(o Options) (*fleet, error) {
	o = o.withDefaults()
	most := o.Count
	if o.Totals != nil {
		most = max(most, stream.ShareSize)
	}
	if err := checkOpenFiles(most); err != nil {
		return nil, err
	}
	metrics, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	o.Broker = o.Broker.Shared()
	f := &fleet{Options: o, metrics: metrics, pace: newPace()}
	f.size.Store(int64(o.Count))
	return f, nil
}

// A running is one broadcaster while it runs.
type running struct {
	stop  context.CancelFunc
	ended chan struct{}
}

// run runs the broadcasters until ctx ends, as many as the newest total asks for.
func (f *fleet) run(ctx context.Context) {
	var looking sync.WaitGroup
	defer looking.Wait()
	looking.Go(func() { f.lookOn(ctx) })
	all := map[string]running{}
	for {
		f.change(ctx, all)
		select {
		case <-ctx.Done():
			for _, r := range all {
				<-r.ended
			}
			return
		case total := <-f.Totals:
			f.Total = total
		}
	}
}

// change makes all those of the total: the others have ended before more begin, since a
// broadcaster that comes back has the ID of the one before.
func (f *fleet) change(ctx context.Context, all map[string]running) {
	ids := f.ids()
	f.size.Store(int64(len(ids)))
	if len(ids) >= CrowdSize {
		collectSooner()
	}
	var ending []running
	for id, r := range all {
		if !slices.Contains(ids, id) {
			r.stop()
			ending = append(ending, r)
			delete(all, id)
		}
	}
	for _, r := range ending {
		<-r.ended
	}
	if f.Total > 0 && len(ids) == 0 {
		f.Log.Info("the fleet ends before the share of this process", "id", f.ID, "total", f.Total)
	}
	for _, id := range ids {
		if _, ok := all[id]; ok || ctx.Err() != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		r := running{stop, make(chan struct{})}
		all[id] = r
		// Made here and not in its goroutine, whose stack would grow for
		// it and stay grown.
		b := newBroadcaster(f, id)
		go func() {
			defer close(r.ended)
			defer stop()
			b.run(own)
		}()
	}
}

// loggedEach is how many broadcasters are so few that each is logged.
const loggedEach = 10

// level returns want, or Debug if there are too many to log each.
func (f *fleet) level(want slog.Level) slog.Level {
	if f.size.Load() > loggedEach {
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
// when none does any more; look does the rest.
func (f *fleet) connectionChanged(by int, cause string) {
	f.mu.Lock()
	f.connected += by
	connected := f.connected
	f.mu.Unlock()
	f.metrics.connected.Add(float64(by))
	switch size := int(f.size.Load()); {
	case size <= loggedEach:
	case by > 0 && connected == size:
		f.Log.Info("all broadcasters are connected", "count", size, "broker", f.Broker)
	case by < 0 && connected == 0 && cause != "":
		f.Log.Warn("no broadcaster is connected", "count", size, "broker", f.Broker, "cause", cause)
	}
}
