package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/memory"
	"hellox/history/sqlite"
	"hellox/stream"
)

// eachRandomHistory runs f over stores of both kinds; the one in memory evicts.
func eachRandomHistory(t *testing.T, f func(t *testing.T, s historytest.Appender, random *rand.Rand)) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("memory %d", seed), func(t *testing.T) {
			s := memory.New(100_000)
			t.Cleanup(func() { _ = s.Close() })
			f(t, s, rand.New(rand.NewPCG(seed, 1)))
		})
		t.Run(fmt.Sprintf("sqlite %d", seed), func(t *testing.T) {
			s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			f(t, s, rand.New(rand.NewPCG(seed, 2)))
		})
	}
}

// Pages of GET /api/messages, read by next in either direction while messages
// are appended and evicted, as JSON and as lines, hold each message exactly once
// and in order.
func TestPagesOverHTTPHoldEachMessageOnce(t *testing.T) {
	eachRandomHistory(t, func(t *testing.T, s historytest.Appender, random *rand.Rand) {
		server := newServer(t, Options{Store: s})
		w, m := historytest.NewWriter(random), &historytest.Model{}
		grow := func(n int) {
			historytest.AppendAll(t, s, w.Batch(n)...)
			m.Update(t, s)
		}
		for range 3 {
			grow(1 + random.IntN(100))
		}
		for range 25 {
			appends := 0
			m.CheckPages(t, w.Query(t), func(q history.Query) history.Page { return readPage(t, server, q, random.IntN(2) == 0) }, func() {
				if random.IntN(4) == 0 && appends < 5 {
					appends++
					grow(1 + random.IntN(20))
				}
			})
		}
	})
}

// readPage asks for a page as JSON, or as a message a line.
func readPage(t *testing.T, server http.Handler, q history.Query, lines bool) (p history.Page) {
	t.Helper()
	target := "/api/messages?" + values(&q.Select).Encode() + fmt.Sprintf("&limit=%d", q.Limit)
	switch {
	case q.Forward():
		target += fmt.Sprintf("&after=%d", q.After)
	case q.Before > 0:
		target += fmt.Sprintf("&before=%d", q.Before)
	}
	if !lines {
		answer := decodeJSON[pageJSON](t, ask(server, "GET", target, ""))
		return history.Page{Messages: answer.Messages, Next: answer.Next}
	}
	answer := ask(server, "GET", target, "", "Accept", typeNDJSON)
	if next := answer.Header().Get("Hellox-Next"); next != "" {
		var err error
		if p.Next, err = strconv.ParseInt(next, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(answer.Body.String()) {
		var m stream.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		p.Messages = append(p.Messages, m)
	}
	return p
}

func values(s *history.Select) url.Values {
	v := url.Values{"topic": s.Topics}
	if s.Sender != "" {
		v.Set("sender", s.Sender)
	}
	if s.Filter != nil {
		v.Set("filter", s.Filter.String())
	}
	return v
}

// A client of GET /api/events that reconnects at any time by Last-Event-ID gets
// each message exactly once and in order while messages are appended, or is
// told that it is evicted.
func TestEventsHoldEachMessageOnce(t *testing.T) {
	eachRandomHistory(t, func(t *testing.T, s historytest.Appender, random *rand.Rand) {
		address := serve(t, Options{Store: s}) + "/api/events"
		w, m := historytest.NewWriter(random), &historytest.Model{}
		historytest.AppendAll(t, s, w.Batch(1+random.IntN(100))...)
		m.Update(t, s)
		follow := history.Follow{After: random.Int64N(int64(w.N)), Select: w.Select(t)}
		writer := *w
		writer.Random = rand.New(rand.NewPCG(random.Uint64(), 3))
		m.CheckFollow(t, w, follow, func(q history.Follow) history.Follower { return newEventReader(t, address, q) }, func() {
			for range 20 {
				if err := s.Append(t.Context(), writer.Batch(1+writer.Random.IntN(60))); err != nil {
					t.Error(err)
					return
				}
				m.Update(t, s)
			}
		})
	})
}

// An eventReader is one event stream as a history.Follower.
type eventReader struct {
	events <-chan event
	leave  context.CancelFunc
}

func newEventReader(t *testing.T, address string, q history.Follow) *eventReader {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	last := strconv.FormatInt(q.After, 10)
	return &eventReader{listen(t, ctx, address+"?after=0&"+values(&q.Select).Encode(), "Last-Event-ID", last), leave}
}

// Next implements history.Follower.
func (e *eventReader) Next(ctx context.Context) ([]history.Event, error) {
	for {
		select {
		case told, open := <-e.events:
			if !open {
				return nil, history.ErrClosed
			}
			var event history.Event
			var err error
			switch told.name {
			case "message":
				event.Message = new(stream.Message)
				err = json.Unmarshal([]byte(told.data), event.Message)
			case "evicted":
				_, err = fmt.Sscanf(told.data, `{"id":%d}`, &event.Evicted)
			default:
				continue
			}
			return []history.Event{event}, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close implements history.Follower.
func (e *eventReader) Close() error {
	e.leave()
	for range e.events { // to its end
	}
	return nil
}
