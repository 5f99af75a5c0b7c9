package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/stream"
)

// An event as a client reads it.
type event struct{ id, name, data string }

// listen opens an event stream and returns its events; the channel is closed
// when the stream ends.
func listen(t *testing.T, ctx context.Context, address string, header ...string) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, %v", response.StatusCode, response.Header)
	}
	events := make(chan event, 10_000)
	go func() {
		defer close(events)
		defer response.Body.Close()
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		var e event
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.data != "" {
					events <- e
				}
				e = event{}
			}
		}
	}()
	return events
}

// next is the next event of that name, within a minute.
func next(t *testing.T, events <-chan event, name string) event {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended before an event %q", name)
			}
			if e.name == name {
				return e
			}
		case <-deadline:
			t.Fatalf("no event %q", name)
		}
	}
}

func TestEventsResumeWithoutGapOrDouble(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(1500)...)
	address := serve(t, Options{Store: store}) + "/api/events"
	for _, c := range []struct {
		name, query string
		header      []string
		from        int64
	}{
		{"from the start", "?after=0", nil, 1},
		{"after", "?after=700", nil, 701},
		{"Last-Event-ID is stronger", "?after=700", []string{"Last-Event-ID", "1490"}, 1491},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := listen(t, t.Context(), address+c.query, c.header...)
			first := next(t, events, "message")
			// Messages that arrive while the history is read follow it.
			newest, _ := store.Store.Stats(t.Context())
			store.put(t, hello("press-9", uint64(newest.LastID), time.Now()))
			want := c.from
			for e := first; ; e = next(t, events, "message") {
				if e.id != fmt.Sprint(want) || !strings.Contains(e.data, `{"id":`+e.id+`,`) {
					t.Fatalf("id %s, data %s; want %d", e.id, e.data, want)
				}
				if want == newest.LastID+1 {
					return
				}
				want++
			}
		})
	}
}

func TestEventsBeginNow(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	address := serve(t, Options{Store: store}) + "/api/events"
	events := listen(t, t.Context(), address)
	store.put(t, hello("press-2", 1, time.Now()))
	if e := next(t, events, "message"); e.id != "4" {
		t.Errorf("first event has id %s", e.id)
	}
}

func TestEventsAfterAnIDOfAnotherHistory(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	events := listen(t, t.Context(), serve(t, Options{Store: store})+"/api/events?after=5000")
	store.put(t, hello("press-2", 1, time.Now()))
	if e := next(t, events, "message"); e.id != "4" {
		t.Errorf("first event has id %s", e.id)
	}
}

func TestEventsOfASelection(t *testing.T) {
	store := newStore(t)
	address := serve(t, Options{Store: store}) + "/api/events"
	only := listen(t, t.Context(), address+"?filter=sender:press-2+text:~%5EHi")
	same := listen(t, t.Context(), address+"?filter=sender:press-2++text:~%5EHi") // spelt otherwise
	sender := listen(t, t.Context(), address+"?sender=press-1")
	topic := listen(t, t.Context(), address+"?topic=oven/%23")
	now := time.Now()
	store.put(t, hello("press-1", 1, now), hello("press-2", 1, now), says("press-2", 2, now, "Hi"), arrival("oven/3", []byte("hot"), now))
	for _, c := range []struct {
		name   string
		events <-chan event
		want   string
	}{{"filter", only, "3"}, {"the same filter", same, "3"}, {"sender", sender, "1"}, {"topic", topic, "4"}} {
		if e := next(t, c.events, "message"); e.id != c.want {
			t.Errorf("%s: id %s, want %s", c.name, e.id, c.want)
		}
	}
}

func TestEventsTellOfSendersAndLinks(t *testing.T) {
	store := newStore(t)
	address := serve(t, Options{Store: store}) + "/api/events"
	all := listen(t, t.Context(), address)
	other := listen(t, t.Context(), address+"?sender=press-2")
	store.put(t, steady("press-1", 1, time.Now()), steady("press-2", 1, time.Now()))
	var sender stream.Sender
	for sender.Sender != "press-1" {
		if err := json.Unmarshal([]byte(next(t, all, "sender").data), &sender); err != nil {
			t.Fatal(err)
		}
	}
	if sender.State != stream.OnTime {
		t.Errorf("%+v", sender)
	}
	if e := next(t, other, "sender"); !strings.Contains(e.data, `"sender":"press-2"`) {
		t.Errorf("who follows press-2 is told %s", e.data)
	}
	store.SetLink(stream.Link{State: stream.Retrying, Since: time.Now(), Cause: "gone"})
	if e := next(t, all, "link"); !strings.Contains(e.data, `"state":"retrying"`) {
		t.Errorf("link event: %s", e.data)
	}
}

func TestEventsTellWhatWasEvicted(t *testing.T) {
	store := newStoreOf(t, 50_000)
	store.put(t, hellos(500)...)
	stats, err := store.Stats(t.Context())
	if err != nil || stats.FirstID < 100 {
		t.Fatalf("first id %d, %v", stats.FirstID, err)
	}
	events := listen(t, t.Context(), serve(t, Options{Store: store})+"/api/events?after=10")
	e := <-events
	for e.name == "stats" {
		e = <-events
	}
	if e.name != "evicted" || e.data != fmt.Sprintf(`{"id":%d}`, stats.FirstID-1) {
		t.Errorf("%+v", e)
	}
	if e := next(t, events, "message"); e.id != fmt.Sprint(stats.FirstID) {
		t.Errorf("after that, id %s", e.id)
	}
}

func TestEventStreamsAreBounded(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	for range maxStreams {
		s.events.streams <- struct{}{}
	}
	w := ask(s, "GET", "/api/events", "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
}

// Streams that end because the server does are not counted as cut off.
func TestClosingIsNotCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newServer(t, Options{Store: newStore(t), Metrics: registry})
	server := httptest.NewServer(s)
	defer server.Close()
	var streams []io.ReadCloser
	for range 100 {
		response, err := http.Get(server.URL + "/api/events")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		streams = append(streams, response.Body)
	}
	s.Close()
	for _, body := range streams {
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Error(err)
		}
	}
	if n := counter(t, registry, "hellox_web_streams_cut_total"); n != 0 {
		t.Errorf("%v of 100 count as cut off", n)
	}
}

func counter(t testing.TB, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// A batch that is larger than the ring of recent events cuts no client off: each
// reads on in the history.
func TestBatchLargerThanTheRing(t *testing.T) {
	store, registry := newStore(t), prometheus.NewRegistry()
	address := serve(t, Options{Store: store, Metrics: registry})
	all := listen(t, t.Context(), address+"/api/events")
	some := listen(t, t.Context(), address+"/api/events?sender=press-1")
	const n = 60
	text := strings.Repeat("x", 200_000)
	for burst := range 3 {
		var batch []stream.Arrival
		for i := range n {
			batch = append(batch, says("press-1", uint64(burst*n+i+1), time.Now(), text))
		}
		store.put(t, batch...)
		for i := range n {
			want := fmt.Sprint(burst*n + i + 1)
			if e := next(t, all, "message"); e.id != want {
				t.Fatalf("everything: message %s, want %s", e.id, want)
			}
			if e := next(t, some, "message"); e.id != want {
				t.Fatalf("one sender: message %s, want %s", e.id, want)
			}
		}
	}
	if cut := counter(t, registry, "hellox_web_streams_cut_total"); cut != 0 {
		t.Errorf("%v streams were cut off", cut)
	}
}

// A client that does not read is cut off; others lose nothing meanwhile.
func TestSlowClientIsCutOffAndResumes(t *testing.T) {
	store, registry := newStore(t), prometheus.NewRegistry()
	address := serve(t, Options{Store: store, Metrics: registry})
	// Its body is not read until the others have everything and it is cut off.
	slow, err := http.Get(address + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Body.Close()
	good := listen(t, t.Context(), address+"/api/events")
	// More than the sockets' buffers and the ring hold together.
	text := strings.Repeat("x", 8000)
	const n = 4000
	received := 0
	for i := range n {
		store.put(t, says("press-1", uint64(i+1), time.Now(), text))
		for i-received > 100 {
			next(t, good, "message")
			received++
		}
	}
	for ; received < n; received++ {
		next(t, good, "message")
	}
	// A write that takes longer than writeTime cuts it off.
	for deadline := time.Now().Add(writeTime + time.Minute); counter(t, registry, "hellox_web_streams_cut_total") == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the slow client is not cut off")
		}
	}
	// The slow one finds the end of its stream, not another message, once
	// it reads what was on the way.
	last := ""
	lines := bufio.NewScanner(slow.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			last = id
		}
	}
	if last == "" || last == fmt.Sprint(n) {
		t.Fatalf("the slow client got up to %q of %d", last, n)
	}
	rest := listen(t, t.Context(), address+"/api/events", "Last-Event-ID", last)
	var first int
	fmt.Sscan(last, &first)
	for want := first + 1; want <= n; want++ {
		if e := next(t, rest, "message"); e.id != fmt.Sprint(want) {
			t.Fatalf("resumed with %s, want %d", e.id, want)
		}
	}
}

// A stream that waits has little on its stack, whatever it needed to begin: at most
// 8 KiB for the handler and 2 for net/http's reader. Of 16 KiB the collector gives half
// back only if less than a quarter is in use.
func TestStreamThatWaitsHoldsLittleStack(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, for which short tests are, has larger frames")
	}
	store := newStore(t)
	store.put(t, hellos(600)...)
	address := serve(t, Options{Store: store})
	stacks := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.StackInuse
	}
	stacks()
	before := stacks()
	const streams = 200
	for range streams {
		conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /api/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != "id: 600"; {
		}
	}
	var each uint64
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if each = (max(stacks(), before) - before) / streams; each <= 13<<10 {
			return
		}
	}
	t.Errorf("%d bytes of stack a stream", each)
}

func TestServeEndsStreamsAtOnceAndDrainsRequests(t *testing.T) {
	store := newStore(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	client := &askedClient{asked: make(chan struct{}), release: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, Options{Store: store, Client: client}) }()
	address := "http://" + ln.Addr().String()
	events := listen(t, t.Context(), address+"/api/events")
	status := make(chan int, 1)
	go func() {
		response, err := http.Post(address+"/api/publish", "application/json", strings.NewReader(`{"topic":"a","payload":"b"}`))
		if err != nil {
			status <- 0
			return
		}
		response.Body.Close()
		status <- response.StatusCode
	}()
	<-client.asked
	cancel()
	for range events { // ends
	}
	close(client.release)
	if got := <-status; got != 200 {
		t.Errorf("the request under way was answered with %d", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An askedClient reports that Publish was called and returns when it is released.
type askedClient struct{ asked, release chan struct{} }

func (c *askedClient) Publish(ctx context.Context, _ string, _ []byte, _ byte, _ bool) error {
	close(c.asked)
	select {
	case <-c.release:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *askedClient) Ask(context.Context, string, stream.Command) (stream.Answer, time.Duration, error) {
	return stream.Answer{}, 0, stream.ErrNoAnswer
}
