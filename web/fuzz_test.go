package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"hellox/history/memory"
	"hellox/stream/mqtt"
)

// For all parameters the answer is JSON, arrives quickly, and is not a 5xx.
func FuzzParameters(f *testing.F) {
	store := memory.New(1 << 20)
	f.Cleanup(func() { _ = store.Close() })
	arrivals := hellos(50)
	arrivals = append(arrivals, arrival("oven/3", []byte("\xff"), time.Now()))
	if err := store.Append(f.Context(), arrivals); err != nil {
		f.Fatal(err)
	}
	s := New(Options{Store: store, Log: slog.New(slog.DiscardHandler)})
	f.Cleanup(s.Close)
	f.Add("messages", "after=0&limit=3&filter=delta%3E1s")
	f.Add("messages", "before=9&topic=a/%2B&topic=%23&since=5m&until=2026-01-02T03:04:05Z")
	f.Add("messages/7", "")
	f.Add("timeline", "since=2h&bins=7")
	f.Add("filter", "filter=(a or text:~^x)")
	f.Add("stats/intervals", "x=1")
	f.Add("openapi.json", "%zz")
	f.Fuzz(func(t *testing.T, path, query string) {
		u := url.URL{Path: "/api/" + path, RawQuery: query}
		if path == "events" {
			return // it does not end
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, r.Host = &u, "localhost"
		w := httptest.NewRecorder()
		begun := time.Now()
		s.ServeHTTP(w, r)
		if took := time.Since(begun); took > 30*time.Second { // a hang guard
			t.Errorf("took %v", took)
		}
		if w.Code >= 500 {
			t.Errorf("status %d %s", w.Code, w.Body)
		}
		if w.Code != 307 && w.Code != 301 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("status %d, not JSON: %.200s", w.Code, w.Body)
		}
	})
}

var _ Client = (*mqtt.Conn)(nil)
