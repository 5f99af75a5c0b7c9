package web

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"hellox/history"
)

// A statsHandler answers GET /api/stats: the history's, the installation's
// name, and the receiver's clock, by which every time in the API is to be read.
type statsHandler struct {
	store history.Store
	name  func() string
}

func (h statsHandler) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	stats, err := h.read(r.Context())
	if err != nil {
		return err
	}
	return answer(w, stats)
}

func (h statsHandler) read(ctx context.Context) (history.Stats, error) {
	stats, err := h.store.Stats(ctx)
	if err != nil {
		return stats, fmt.Errorf("read stats: %w", err)
	}
	stats.Name, stats.Now = h.name(), time.Now()
	return stats, nil
}

// Totals are sent to an event stream each statsTime if they have changed, and at
// least each statsIdle: a client that hears nothing for longer knows that the
// connection is lost.
const (
	statsTime = time.Second
	statsIdle = 2 * time.Second
)

// totals are the stats as an event, read once for all event streams.
type totals struct {
	stats statsHandler

	mu      sync.Mutex
	until   context.Context //nolint:containedctx // it ends when they are to be read again, for all streams that wait
	end     context.CancelFunc
	newest  history.Stats // but for the clock
	version uint64        // rises with each change
	event   []byte        // nil: the store could not be read
}

// get returns the event, no older than statsTime, its version, and a context that ends
// when there is the next. It is the same for all streams: one of its own for each is a
// kilobyte, and a goroutine each time. The event is nil while the store cannot be
// read: the request that fails says why.
func (t *totals) get() (event []byte, version uint64, until context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.read()
	} else if t.until.Err() != nil {
		t.end()
		t.read()
	}
	return t.event, t.version, t.until
}

func (t *totals) read() {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	stats, err := t.stats.read(ctx)
	t.event = nil
	if err == nil {
		t.event = appendOther(nil, "stats", nil, stats)
		if stats.Now = (time.Time{}); !reflect.DeepEqual(stats, t.newest) {
			t.newest = stats
			t.version++
		}
	}
	t.until, t.end = context.WithTimeout(context.Background(), statsTime)
}
