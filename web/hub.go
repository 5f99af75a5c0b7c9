package web

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"hellox/history"
	"hellox/stream"
)

// A hub follows the Store once for every browser: each event is encoded once
// into the ring of all, and once more judged for each distinct selection that
// somebody follows, in a feed of its own.
type hub struct {
	store history.Store
	log   *slog.Logger
	all   *ring

	ctx    context.Context // of its goroutines; ended by close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	feeds map[string]*feed // by selection
}

// A feed holds what one selection lets through.
type feed struct {
	ring    *ring
	clients int
	cancel  context.CancelFunc
}

// newHub follows store from now on.
func newHub(store history.Store, log *slog.Logger) *hub {
	h := &hub{store: store, log: log, all: newRing(), feeds: map[string]*feed{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	follower := store.Follow(history.Follow{After: history.Now})
	h.wg.Go(func() { h.follow(follower) })
	return h
}

// close ends every feed and waits for the goroutines.
func (h *hub) close() {
	h.cancel()
	h.wg.Wait()
}

func (h *hub) follow(f history.Follower) {
	defer h.all.close()
	defer f.Close()
	var entries []entry
	for {
		events, err := f.Next(h.ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				h.log.Error("the event streams ended", "error", err)
			}
			return
		}
		entries = entries[:0]
		for i := range events {
			entries = append(entries, encodeEvent(&events[i]))
		}
		h.all.add(entries)
	}
}

// join returns the ring of a selection and what the client calls when it
// leaves.
func (h *hub) join(sel history.Select) (*ring, func()) {
	if len(sel.Topics) == 0 && sel.Sender == "" && sel.Filter == nil {
		return h.all, func() {}
	}
	key := selectionKey(sel)
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feeds[key]
	if f == nil {
		f = &feed{ring: newRing()}
		var ctx context.Context
		ctx, f.cancel = context.WithCancel(h.ctx)
		position := h.all.position()
		if h.ctx.Err() == nil {
			h.wg.Go(func() { h.sift(ctx, f.ring, sel, position) })
		} else {
			f.ring.close()
		}
		h.feeds[key] = f
	}
	f.clients++
	return f.ring, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if f.clients--; f.clients == 0 {
			f.cancel()
			if h.feeds[key] == f {
				delete(h.feeds, key)
			}
		}
	}
}

// sift copies from the ring of all what sel lets through, and closes to when
// it cannot keep up: its clients then come back and begin in the history.
func (h *hub) sift(ctx context.Context, to *ring, sel history.Select, position uint64) {
	defer to.close()
	batch := make([]entry, 0, 256)
	var passed []entry
	for {
		var wake <-chan struct{}
		var ok bool
		if batch, position, wake, ok = h.all.read(position, batch[:0]); !ok {
			return
		}
		if len(batch) == 0 {
			select {
			case <-wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		passed = passed[:0]
		for _, e := range batch {
			if passes(sel, &e) {
				passed = append(passed, e)
			}
		}
		to.add(passed)
	}
}

// passes tells whether somebody who selected sel is told of e.
func passes(sel history.Select, e *entry) bool {
	switch {
	case e.message == nil:
		return e.sender == "" || sel.Sender == "" || e.sender == sel.Sender
	case sel.Sender != "" && sel.Sender != e.message.Sender:
		return false
	case len(sel.Topics) > 0 && !anyTopic(sel.Topics, e.message.Topic):
		return false
	}
	return sel.Filter.Match(e.message)
}

func anyTopic(filters []string, topic string) bool {
	for _, f := range filters {
		if stream.MatchTopic(f, topic) {
			return true
		}
	}
	return false
}

// selectionKey is equal for equal selections, however their filters are
// spelt. No topic holds a NUL, and the filter stands last.
func selectionKey(sel history.Select) string {
	key := ""
	for _, t := range sel.Topics {
		key += t + "\x00"
	}
	key += "\x00" + sel.Sender + "\x00"
	if expr := sel.Filter.Expr(); expr != nil {
		key += expr.String()
	}
	return key
}
