package timeline

import (
	"context"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// declaredTime is how long what was read of the senders' intervals serves: of 10,000
// senders it takes some 20 ms.
const declaredTime = 2 * time.Second

// A frame is the interval that a sender declares; zero: none.
type frame struct{ shortest, longest time.Duration }

// A declared holds what all senders declare, and their intervals over the last hour.
type declared struct {
	store history.Store

	mu     sync.Mutex
	read   time.Time
	frames map[string]frame
	each   map[string]history.Intervals
	sum    history.Intervals
}

func (d *declared) refresh(ctx context.Context) error {
	if time.Since(d.read) < declaredTime {
		return nil
	}
	all, err := d.store.Intervals(ctx)
	if err != nil {
		return err
	}
	d.frames, d.each, d.sum = map[string]frame{}, map[string]history.Intervals{}, history.SumIntervals(all)
	for _, in := range all {
		d.each[in.Sender] = in
		if in.Declared != nil {
			d.frames[in.Sender] = frame{stream.FromMillis(in.Declared.MinMS), stream.FromMillis(in.Declared.MaxMS)}
		}
	}
	d.read = time.Now()
	return nil
}

// of returns the frame of each sender. The map is not changed any more.
func (d *declared) of(ctx context.Context) (map[string]frame, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.refresh(ctx)
	return d.frames, err
}

// intervals returns those of one sender over the last hour; of "", of all together.
func (d *declared) intervals(ctx context.Context, sender string) (history.Intervals, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.refresh(ctx); err != nil {
		return history.Intervals{}, err
	}
	if sender == "" {
		return d.sum, nil
	}
	in, ok := d.each[sender]
	if !ok {
		in = history.Intervals{Sender: sender, Counts: []uint64{}}
	}
	return in, nil
}
