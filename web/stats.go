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
	read    time.Time     // when they were
	newest  history.Stats // but for the clock
	version uint64        // rises with each change
	event   []byte
}

// get returns the event, no older than statsTime, and its version. It is nil while the
// store cannot be read: the request that fails says why.
func (t *totals) get(ctx context.Context) ([]byte, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// A little less, so that the streams' timers do not find it just not due.
	if time.Since(t.read) < statsTime*9/10 {
		return t.event, t.version
	}
	stats, err := t.stats.read(ctx)
	if err != nil {
		return nil, t.version
	}
	t.event, t.read = appendOther(nil, "stats", nil, stats), time.Now()
	stats.Now = time.Time{}
	if !reflect.DeepEqual(stats, t.newest) {
		t.newest = stats
		t.version++
	}
	return t.event, t.version
}
