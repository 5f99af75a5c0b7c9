package remote

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/filter"
	"hellox/stream/streamtest"
)

// serveAt serves h on an address, so that a test can take the server away and
// bring it back.
func serveAt(t *testing.T, addr string, h http.Handler) *httptest.Server {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = ln
	s.Start()
	return s
}

func TestRemoteResumes(t *testing.T) {
	l := memory.New(0)
	defer l.Close()
	server := serveAt(t, streamtest.FreeAddress(t), historytest.Receiver(l))
	addr := server.Listener.Addr().String()
	r, err := Open(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := historytest.FollowNow(t, r, true)
	historytest.AppendAll(t, l, historytest.Hello("a", 1, 0), historytest.Hello("a", 2, 1))
	got, _ := historytest.Collect(t, f, 2)
	if d := cmp.Diff([]int64{1, 2}, got); d != "" {
		t.Fatal(d)
	}
	server.CloseClientConnections()
	server.Close()
	// It says that it has lost the receiver, and when it will try again.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for said := false; !said; {
		events, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Link != nil && e.Link.State == stream.Retrying && e.Link.Cause != "" && e.Link.Retry.After(e.Link.Since) {
				said = true
			}
		}
	}
	historytest.AppendAll(t, l, historytest.Hello("a", 3, 2), historytest.Hello("a", 4, 3), historytest.Hello("b", 1, 4))
	server = serveAt(t, addr, historytest.Receiver(l))
	defer server.Close()
	got, others := historytest.Collect(t, f, 3)
	if d := cmp.Diff([]int64{3, 4, 5}, got); d != "" {
		t.Error(d)
	}
	senders := map[string]bool{}
	for _, e := range others {
		if e.Sender != nil {
			senders[e.Sender.Sender] = true
		}
	}
	if !senders["a"] || !senders["b"] {
		t.Errorf("after an interruption it tells how all senders are: %v", senders)
	}
	f.Close()
	server.CloseClientConnections()
}

// A receiver that comes back with another history tells so before its messages: it has
// fewer of them than before, or other ones under the same IDs, whether any was handed out or
// not. One of several receivers may be a moment behind the others, with the same history:
// of that it is not told, nor of the same one.
func TestRemoteTellsOfAnotherHistory(t *testing.T) {
	for name, c := range map[string]struct {
		after  int // messages of the other history; 0: it is the same
		quiet  bool
		shared bool
		told   bool
	}{
		"fewer":                          {after: 1, told: true},
		"one receiver behind the others": {after: 1, shared: true},
		"more":                           {after: 5, told: true},
		"more, of several receivers":     {after: 5, shared: true, told: true},
		"more, and none was handed out":  {after: 5, quiet: true, told: true},
		"the same":                       {},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := memory.New(0), memory.New(0)
			defer before.Close()
			defer after.Close()
			historytest.AppendAll(t, before, historytest.Hello("a", 1, 0))
			server := serveAt(t, "127.0.0.1:0", historytest.Receiver(before))
			addr := server.Listener.Addr().String()
			r, err := Open(t.Context(), server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			f := historytest.FollowNow(t, r, true)
			defer f.Close()
			last := int64(1)
			if !c.quiet {
				historytest.AppendAll(t, before, historytest.Hello("a", 2, 1), historytest.Hello("a", 3, 2))
				historytest.Collect(t, f, 2)
				last = 3
			}
			second := before
			if c.after > 0 {
				second, last = after, int64(c.after)
			}
			for i := range c.after {
				historytest.AppendAll(t, after, historytest.Hello("b", uint64(i+1), i))
			}
			server.CloseClientConnections()
			server.Close()
			server = serveAt(t, addr, historytest.Receiver(sharing{second, c.shared}))
			defer server.Close()
			defer server.CloseClientConnections()
			if anew := reconnected(t, f); anew != c.told {
				t.Errorf("it tells of another history: %v", anew)
			}
			historytest.AppendAll(t, second, historytest.Hello("c", 1, 10))
			got, _ := historytest.Collect(t, f, 1)
			if d := cmp.Diff([]int64{last + 1}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// reconnected waits until f is connected again after an interruption, and reports whether it
// has told of another history by then.
func reconnected(t *testing.T, f history.Follower) (anew bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		events, err := f.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if anew = anew || e.Anew; e.Sender != nil { // it tells how all are then
				return anew
			}
		}
	}
}

// sharing is a store with what the totals say of several receivers.
type sharing struct {
	history.Store
	shared bool
}

func (s sharing) Stats(ctx context.Context) (history.Stats, error) {
	st, err := s.Store.Stats(ctx)
	st.Shared = s.shared
	return st, err
}

// The sentence that a receiver has gone names it once, and says what is wrong in words.
func TestReceiverHasGone(t *testing.T) {
	l := memory.New(0)
	defer l.Close()
	server := serveAt(t, streamtest.FreeAddress(t), historytest.Receiver(l))
	host := server.Listener.Addr().String()
	r, err := Open(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := historytest.FollowNow(t, r, true)
	server.CloseClientConnections()
	server.Close()
	want := "The receiver at " + host + " cannot be reached: nothing listens there (connection refused)."
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	last := ""
	for last != want {
		events, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("it says %q, want %q: %v", last, want, err)
		}
		for _, e := range events {
			if e.Link != nil && e.Link.State == stream.Retrying {
				last = e.Link.Cause
			}
		}
	}
	if _, err = r.Stats(t.Context()); err == nil || !errors.Is(err, syscall.ECONNREFUSED) ||
		err.Error() != "ask receiver "+host+" for /api/stats: nothing listens there (connection refused)" {
		t.Errorf("it says %v", err)
	}
}

func TestRemoteRefusals(t *testing.T) {
	refuse := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		})
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
		want    string
	}{
		{"a problem document", refuse(403, `{"title":"Forbidden","detail":"log in first","status":403}`), "log in first"},
		{"another server", refuse(200, "<html>"), "not what a receiver answers"},
		{"no words", refuse(502, ""), "502 Bad Gateway"},
		{"sent elsewhere", http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound), "302 Found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			_, err := Open(t.Context(), server.URL)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
	for _, address := range []string{"mqtt://127.0.0.1", "http://", "127.0.0.1:8420", "http://[::1"} {
		if _, err := Open(t.Context(), address); err == nil {
			t.Errorf("%s was taken", address)
		}
	}
}

// What the receiver will never answer ends a follower with its reason.
func TestRemoteFollowerRefused(t *testing.T) {
	l := memory.New(0)
	defer l.Close()
	good := historytest.Receiver(l)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/events" {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"title":"Bad Request","detail":"the filter is wrong in column 3","status":400}`))
			return
		}
		good.ServeHTTP(w, r)
	}))
	defer server.Close()
	r, err := Open(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f := r.Follow(history.Follow{After: history.Now})
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = f.Next(ctx)
	var refused *APIError
	if !errors.As(err, &refused) || refused.Status != 400 || !strings.Contains(err.Error(), "column 3") {
		t.Errorf("%v", err)
	}
}

func TestRemoteEncodesEveryParameter(t *testing.T) {
	filter, err := filter.Parse(`"two words" or sender:a&b`)
	if err != nil {
		t.Fatal(err)
	}
	q := history.Query{FromStart: true, Since: historytest.Epoch, Until: historytest.Epoch.Add(time.Nanosecond), Limit: 7,
		Select: history.Select{Topics: []string{"a/#", "b/+"}, Sender: "x y", Filter: filter}}
	want := map[string][]string{"after": {"0"}, "limit": {"7"}, "topic": {"a/#", "b/+"}, "sender": {"x y"}, "filter": {filter.String()},
		"since": {stream.FormatTime(q.Since)}, "until": {stream.FormatTime(q.Until)}}
	if d := cmp.Diff(want, map[string][]string(queryValues(&q))); d != "" {
		t.Error(d)
	}
}

func TestFrames(t *testing.T) {
	read := func(text string) (frames []string, err error) {
		r := newFrameReader(strings.NewReader(text))
		for {
			fr, err := r.next()
			if err != nil {
				return frames, err
			}
			frames = append(frames, fr.id+"|"+fr.event+"|"+string(fr.data))
		}
	}
	frames, err := read("retry: 5\r\n\r\n: still there\n\nid: 7\n: inside\nevent: message\ndata: {\"a\":1,\ndata:  \"b\":2}\n\ndata:x\ndata\n\nid: 9\ndata: cut o")
	if d := cmp.Diff([]string{"||", "||", "||", "7|message|{\"a\":1,\n \"b\":2}", "||x\n"}, frames); d != "" {
		t.Error(d)
	}
	if err == nil {
		t.Error("a frame that is cut off was read as a whole one")
	}
	if _, err := read("data: " + strings.Repeat("x", maxFrame+1)); !errors.Is(err, errFrame) {
		t.Errorf("a line without an end: %v", err)
	}
	if _, err := read(strings.Repeat("data: "+strings.Repeat("x", 1<<20)+"\n", 10)); !errors.Is(err, errFrame) {
		t.Errorf("lines without an end: %v", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add("id: 1\nevent: message\ndata: {}\n\n: comment\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := newFrameReader(strings.NewReader(text))
		for range 1000 {
			fr, err := r.next()
			if err != nil {
				return
			}
			if strings.ContainsAny(fr.id+fr.event, "\n") {
				t.Fatalf("a field spans lines: %q %q", fr.id, fr.event)
			}
		}
	})
}

// What is sent is what the API takes; what it refuses is an error of its sentence.
func TestRemotePublishesAndAsks(t *testing.T) {
	store := memory.New(0)
	defer store.Close()
	var got []string
	mux := http.NewServeMux()
	mux.Handle("GET /", historytest.Receiver(store))
	mux.HandleFunc("GET /api/retained", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(map[string]string{
			"a/b": `{"messages":[{"topic":"a/b","qos":1,"payload":"hot","bytes":2000}]}`,
			"a/c": `{"messages":[{"topic":"a/c","qos":1,"payload_base64":"/w==","bytes":1}]}`,
			"a/d": `{"messages":[]}`,
		}[r.URL.Query().Get("topic")]))
	})
	mux.HandleFunc("POST /api/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.URL.Path+" "+string(body))
		switch {
		case strings.Contains(string(body), "refused"):
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"title":"Bad Request","detail":"a topic has no wildcard","status":400}`))
		case strings.Contains(string(body), "away"):
			w.WriteHeader(http.StatusGatewayTimeout)
		default:
			w.Write([]byte(`{"id":"1","ok":true,"state":{"paused":true,"min":"1s","max":"1.5s"},"round_trip_ms":2.5}`))
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	r, err := Open(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Publish(t.Context(), "a/b", []byte("hot"), 1, true); err != nil {
		t.Error(err)
	}
	if err := r.Publish(t.Context(), "a/b", []byte{0xff}, 0, false); err != nil {
		t.Error(err)
	}
	if err := r.Publish(t.Context(), "refused", nil, 0, false); err == nil || err.Error() != "a topic has no wildcard" {
		t.Errorf("refused: %v", err)
	}
	answer, took, err := r.Ask(t.Context(), "press-1", stream.Command{Do: stream.Interval, Min: time.Second, Max: 1500 * time.Millisecond})
	if want := (stream.Answer{ID: "1", OK: true, State: stream.Mode{Paused: true, Min: time.Second, Max: 1500 * time.Millisecond}}); err != nil || answer != want || took != 2500*time.Microsecond {
		t.Errorf("answer %+v in %s, %v", answer, took, err)
	}
	if _, _, err := r.Ask(t.Context(), "away", stream.Command{Do: stream.Say, Text: "hi"}); !errors.Is(err, stream.ErrNoAnswer) {
		t.Errorf("no answer: %v", err)
	}
	for topic, want := range map[string]struct {
		payload string
		size    int
	}{"a/b": {"hot", 2000}, "a/c": {"\xff", 1}, "a/d": {"", 0}} {
		if payload, size, err := r.Retained(t.Context(), topic); string(payload) != want.payload || size != want.size || err != nil {
			t.Errorf("%s retains %q of %d bytes, %v", topic, payload, size, err)
		}
	}
	want := []string{
		`/api/publish {"topic":"a/b","payload":"hot","qos":1,"retain":true}`,
		`/api/publish {"topic":"a/b","payload_base64":"/w==","qos":0,"retain":false}`,
		`/api/publish {"topic":"refused","payload":"","qos":0,"retain":false}`,
		`/api/command {"do":"interval","max":"1.5s","min":"1s","to":"press-1"}`,
		`/api/command {"do":"say","text":"hi","to":"away"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A receiver that is frozen (its node is paused, a laptop's network is gone) closes no
// connection. A follower tells within seconds that nothing comes, and goes on once
// something does.
func TestFollowTellsSilence(t *testing.T) {
	frozen := make(chan struct{}) // closed: it goes on
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/events" {
			io.WriteString(w, map[string]string{"/api/stats": `{"link":{"state":"connected"}}`, "/api/senders": `{"senders":[]}`}[r.URL.Path])
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "event: stats\ndata: {}\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-frozen:
			io.WriteString(w, "event: sender\ndata: {\"sender\":\"a\"}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	c, err := Open(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.silence = 200 * time.Millisecond
	follower := c.Follow(history.Follow{After: history.Now})
	defer follower.Close()
	await := func(what string, is func(history.Event) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for {
			events, err := follower.Next(ctx)
			if err != nil {
				t.Fatalf("no event %s: %v", what, err)
			}
			for _, e := range events {
				if is(e) {
					return
				}
			}
		}
	}
	await("of a silent receiver", func(e history.Event) bool {
		return e.Link != nil && e.Link.State == stream.Retrying && strings.Contains(e.Link.Cause, "nothing came for 200ms")
	})
	close(frozen)
	await("of a receiver that is back", func(e history.Event) bool { return e.Sender != nil && e.Sender.Sender == "a" })
}
