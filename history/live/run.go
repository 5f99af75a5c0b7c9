package live

import (
	"context"
	"time"

	"hellox/stream"
)

// A batch is what was waiting when the one before it was stored: it is never
// waited for. It ends at so many arrivals or bytes of payload.
const (
	batchArrivals = 4096
	batchBytes    = 8 << 20
)

// A Writer is a store that appends by itself.
type Writer interface {
	Append(ctx context.Context, arrivals []stream.Arrival) error
	// Maintain does what time alone makes due, in a step short enough that
	// arrivals can wait for it, and returns when to be called again; the zero
	// time if not before the next append.
	Maintain(ctx context.Context) (next time.Time, err error)
	// Changed returns a channel that is sent to when Maintain is due sooner
	// than it said.
	Changed() <-chan struct{}
}

// Run appends what comes in until in is closed or ctx is done; then it returns
// nil. An error is final.
func Run(ctx context.Context, w Writer, in <-chan stream.Arrival) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []stream.Arrival
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-w.Changed():
		case a, open := <-in:
			if !open {
				return nil
			}
			batch = gather(append(batch[:0], a), in)
			if err := w.Append(ctx, batch); err != nil {
				if ctx.Err() != nil {
					return nil // what is not stored was not acknowledged: the broker still has it
				}
				return err
			}
			clear(batch)
		}
		next, err := w.Maintain(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case next.IsZero():
			timer.Stop()
		default:
			timer.Reset(time.Until(next))
		}
	}
}

// gather adds what is waiting.
func gather(batch []stream.Arrival, in <-chan stream.Arrival) []stream.Arrival {
	size := len(batch[0].Payload)
	for len(batch) < batchArrivals && size < batchBytes {
		select {
		case a, open := <-in:
			if !open {
				return batch // run sees it next
			}
			size += len(a.Payload)
			batch = append(batch, a)
		default:
			return batch
		}
	}
	return batch
}
