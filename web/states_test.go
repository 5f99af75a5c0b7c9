package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"hellox/stream"
)

// present stores a presence of press-1.
func (s *testStore) present(t *testing.T, state string, paused bool) {
	t.Helper()
	p, err := json.Marshal(stream.Presence{State: state, Boot: boot, Min: time.Second, Max: 10 * time.Second, Paused: paused})
	if err != nil {
		t.Fatal(err)
	}
	s.put(t, arrival(stream.PresenceTopic("press-1"), p, time.Now()))
}

func (s *testStore) setLink(l stream.Link) {
	s.link = l
	s.SetLink(l)
}

// The page shows each state, and none as known while broker or receiver is away.
func TestPageShowsStates(t *testing.T) {
	store := newStore(t)
	server := newServer(t, Options{Store: store})
	var down atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	ctx := chromium(t)
	retained := arrival("hello_world/sensor", []byte("21"), time.Now())
	retained.Retained = true
	store.put(t, steady("press-1", 1, time.Now()), arrival("hello_world/env", []byte("1"), time.Now()), retained)
	open(t, ctx, front.URL)
	shows := func(sender, title string) {
		t.Helper()
		until(t, ctx, fmt.Sprintf(`(document.querySelector('#senders [data-sender="%s"]')?.title ?? '').replaceAll('\u202f', ' ').startsWith('%s: %s')`, sender, sender, title))
	}
	shows("press-1", "on time")
	shows("hello_world/env", "one message so far")
	until(t, ctx, `/3 senders\s*●1\s*on time\s*◌2\s*unknown/.test(document.querySelector('#head .path').textContent)`)
	store.present(t, "here", true)
	shows("press-1", "paused")
	store.present(t, "gone", false)
	shows("press-1", "gone")
	store.present(t, "here", false)
	shows("press-1", "on time")

	store.setLink(stream.Link{State: stream.Retrying, Since: time.Now(), Cause: "gone"})
	shows("press-1", "broker away")
	shows("hello_world/env", "broker away")
	until(t, ctx, `/3 senders\s*◌3\s*unknown/.test(document.querySelector('#head .path').textContent)`)
	store.setLink(stream.Link{State: stream.Connected, Since: time.Now()})
	shows("press-1", "unknown")
	store.put(t, steady("press-1", 2, time.Now()))
	shows("press-1", "on time")

	down.Store(true)
	front.CloseClientConnections()
	shows("press-1", "receiver away")
	down.Store(false)
	store.put(t, steady("press-1", 3, time.Now()))
	shows("press-1", "on time")
}
