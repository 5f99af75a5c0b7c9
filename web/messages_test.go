package web

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
)

// newServer returns a Server that the test's end closes.
func newServer(t *testing.T, opts Options) *Server {
	t.Helper()
	s := New(opts)
	t.Cleanup(s.Close)
	return s
}

// ask answers a request as our own page would send it.
func ask(h http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost:8420"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", typeJSON)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type pageJSON struct {
	Messages []stream.Message `json:"messages"`
	Next     int64            `json:"next"`
}

func decodeJSON[T any](t *testing.T, w *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return v
}

func TestMessagesPageBothWays(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(250)...)
	s := newServer(t, Options{Store: store})
	for _, way := range []struct {
		name, first string
		step        string
		ids         []int64 // first and last of each page
	}{
		{"forward", "after=0", "after", []int64{1, 100, 101, 200, 201, 250}},
		{"back", "", "before", []int64{151, 250, 51, 150, 1, 50}},
	} {
		t.Run(way.name, func(t *testing.T) {
			query := way.first
			for i := 0; i < len(way.ids); i += 2 {
				w := ask(s, "GET", "/api/messages?"+query, "")
				p := decodeJSON[pageJSON](t, w)
				if w.Code != 200 || len(p.Messages) == 0 || p.Messages[0].ID != way.ids[i] || p.Messages[len(p.Messages)-1].ID != way.ids[i+1] {
					t.Fatalf("page %d: status %d, %d messages", i/2, w.Code, len(p.Messages))
				}
				if last := i+2 == len(way.ids); last != (p.Next == 0) {
					t.Errorf("page %d: next is %d", i/2, p.Next)
				}
				query = fmt.Sprintf("%s=%d", way.step, p.Next)
			}
		})
	}
}

func TestMessagesAsLines(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(5)...)
	s := newServer(t, Options{Store: store})
	w := ask(s, "GET", "/api/messages?after=0&limit=3", "", "Accept", "text/html;q=0.5, application/x-ndjson")
	if got := w.Header().Get("Hellox-Next"); got != "3" {
		t.Errorf("Hellox-Next is %q", got)
	}
	if got := w.Header().Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type is %q", got)
	}
	lines := bufio.NewScanner(w.Body)
	n := int64(0)
	for lines.Scan() {
		var m stream.Message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if n++; m.ID != n {
			t.Errorf("line %d has id %d", n, m.ID)
		}
	}
	if n != 3 {
		t.Errorf("%d lines", n)
	}
}

func TestMessagesBySelection(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t,
		hello("press-1", 1, now.Add(-time.Hour)), hello("press-2", 1, now.Add(-time.Minute)),
		hello("press-1", 5, now.Add(-30*time.Second)), arrival("oven/3", []byte("\xff\xfe"), now.Add(-time.Second)))
	s := newServer(t, Options{Store: store})
	for query, want := range map[string]string{
		"sender=press-1":                   "1 3",
		"topic=oven/%2B":                   "4",
		"topic=oven/%2B&topic=%2B/%2B/%2B": "1 2 3 4",
		"filter=is:missed":                 "3",
		"filter=sender:press-*+-is:missed": "1 2",
		"since=5m":                         "2 3 4",
		"until=5m":                         "1",
		"since=1d":                         "1 2 3 4",
		"until=1d":                         "",
		"since=" + now.UTC().AddDate(0, 0, -1).Format(time.DateOnly):       "1 2 3 4",
		"since=" + now.UTC().AddDate(0, 0, 1).Format(time.DateOnly):        "",
		"since=" + now.Add(-40*time.Second).UTC().Format(time.RFC3339Nano): "3 4",
		"limit=1": "4",
	} {
		p := decodeJSON[pageJSON](t, ask(s, "GET", "/api/messages?"+query, ""))
		var ids []string
		for _, m := range p.Messages {
			ids = append(ids, strconv.FormatInt(m.ID, 10))
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: messages %s, want %s", query, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	for _, c := range []struct {
		method, target string
		status         int
		detail         string // part of it
	}{
		{"GET", "/api/messages?after=1&before=2", 400, "not both"},
		{"GET", "/api/messages?after=-1", 400, "after is a message's id"},
		{"GET", "/api/messages?after=9223372036854775808", 400, "after is a message's id"},
		{"GET", "/api/messages?before=0", 400, "no id is below 1"},
		{"GET", "/api/messages?limit=10001", 400, "from 1 to 10000"},
		{"GET", "/api/messages?limit=0", 400, "from 1 to 10000"},
		{"GET", "/api/messages?since=yesterday", 400, "since is a time"},
		{"GET", "/api/messages?topic=a%23", 400, "# stands alone"},
		{"GET", "/api/messages?sender=a&sender=b", 400, `"sender" stands there 2 times`},
		{"GET", "/api/messages?senders=a", 400, `no parameter "senders"`},
		{"GET", "/api/messages?a=%zz", 400, "not well formed"},
		{"GET", "/api/messages?filter=" + strings.Repeat("x", 5000), 400, "longer than 4096"},
		{"GET", "/api/messages?filter=delta%3E%3E8", 400, "column 7"},
		{"GET", "/api/events?filter=(", 400, "column 2"},
		{"GET", "/api/filter?filter=qos%3D", 400, "column"},
		{"GET", "/api/messages/7", 404, "no such message"},
		{"GET", "/api/messages/x", 400, "whole number"},
		{"GET", "/api/timeline?bins=0", 400, "from 1 to 400"},
		{"GET", "/api/timeline?since=2999-01-01T00:00:00Z", 400, "not in the past"},
		{"GET", "/api/nothing", 404, "no such path"},
		{"DELETE", "/api/messages", 405, "takes GET"},
		{"GET", "/api/publish", 405, "takes POST"},
		{"GET", "/elsewhere", 404, "the page is at /"},
		{"POST", "/", 405, "GET only"},
	} {
		w := ask(s, c.method, c.target, "")
		p := decodeJSON[remote.APIError](t, w)
		if w.Code != c.status || p.Status != c.status || p.Title != http.StatusText(c.status) || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s %.60s: status %d, %+v", c.method, c.target, w.Code, p)
		}
		if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %.60s: Content-Type %q", c.method, c.target, got)
		}
	}
}

func TestFilterProblemHasTheColumn(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	p := decodeJSON[remote.APIError](t, ask(s, "GET", "/api/filter?filter=sender:a+delta%3E%3E8", ""))
	if p.Column != 16 || p.Expected == "" {
		t.Errorf("column %d, expected %q", p.Column, p.Expected)
	}
}

// damagedStore has one message, which is damaged on the disk.
type damagedStore struct{ *testStore }

func (s damagedStore) Message(context.Context, int64) (stream.Message, error) {
	return stream.Message{}, &history.DamagedError{ID: 5}
}

func TestDamagedMessageSaysSo(t *testing.T) {
	s := newServer(t, Options{Store: damagedStore{newStore(t)}})
	w := ask(s, "GET", "/api/messages/5", "")
	if p := decodeJSON[remote.APIError](t, w); w.Code != http.StatusGone || !strings.Contains(p.Detail, "message 5 is damaged on the disk") {
		t.Errorf("status %d, %+v", w.Code, p)
	}
}

// What is in a payload may be larger than it a thousand times: the answer stays
// bounded, and few are made at once, whatever is asked for.
func TestDecodedIsBounded(t *testing.T) {
	store := newStore(t)
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 100 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	store.put(t, arrival("hello_world/bomb", bomb.Bytes(), time.Now()))
	server := newServer(t, Options{Store: store})
	const most = 6 << 20 // 4 MiB in base64
	for range 3 {
		rec := ask(server, "GET", "/api/messages/1/decoded", "")
		if got := decodeJSON[map[string]any](t, rec); got["payload_base64"] == nil || got["payload"] != nil || rec.Body.Len() > most {
			t.Errorf("%d bytes, text %v", rec.Body.Len(), got["payload"] != nil)
		}
	}
	handler := messagesHandler{store, semaphore.NewWeighted(1)}
	if !handler.decodings.TryAcquire(1) {
		t.Fatal("nothing runs")
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, "GET", "/api/messages/1/decoded", nil)
	r.SetPathValue("id", "1")
	if err := handler.decoded(httptest.NewRecorder(), r); !errors.Is(err, context.Canceled) {
		t.Errorf("one more than may run, whose client has left: %v", err)
	}
}
