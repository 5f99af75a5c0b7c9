package historytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"hellox/history"
	"hellox/stream/filter"
)

// Receiver serves a Store as a receiver's API does, as far as a
// remote.Client asks for it. The tests of web compare it with the real one.
func Receiver(s history.Store) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any, err error) {
		if err != nil {
			problem(w, err)
			return
		}
		json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /api/stats", func(w http.ResponseWriter, r *http.Request) {
		st, err := s.Stats(r.Context())
		answer(w, st, err)
	})
	mux.HandleFunc("GET /api/stats/intervals", func(w http.ResponseWriter, r *http.Request) {
		all, err := s.Intervals(r.Context())
		answer(w, map[string]any{"intervals": all}, err)
	})
	mux.HandleFunc("GET /api/senders", func(w http.ResponseWriter, r *http.Request) {
		all, err := s.Senders(r.Context())
		answer(w, map[string]any{"senders": all}, err)
	})
	mux.HandleFunc("GET /api/messages/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
		m, err := s.Message(r.Context(), id)
		answer(w, m, err)
	})
	mux.HandleFunc("GET /api/messages", func(w http.ResponseWriter, r *http.Request) {
		page, err := s.Messages(r.Context(), readQuery(r))
		if err != nil {
			problem(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		if page.Next > 0 {
			w.Header().Set("Hellox-Next", strconv.FormatInt(page.Next, 10))
		}
		for _, m := range page.Messages {
			w.Write(append(m.AppendJSON(nil), '\n'))
		}
	})
	mux.HandleFunc("GET /api/events", func(w http.ResponseWriter, r *http.Request) { follow(s, w, r) })
	return mux
}

// follow writes events until the request ends.
func follow(s history.Store, w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	f := s.Follow(history.Follow{After: q.After, Select: q.Select})
	defer f.Close()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "retry: 1000\n\n: hello\n\n")
	for w.(http.Flusher).Flush(); ; w.(http.Flusher).Flush() {
		events, err := f.Next(r.Context())
		if err != nil {
			return
		}
		for _, e := range events {
			switch {
			case e.Message != nil:
				fmt.Fprintf(w, "id: %d\nevent: message\ndata: %s\n\n", e.Message.ID, e.Message.AppendJSON(nil))
			case e.Sender != nil:
				writeEvent(w, "sender", e.Sender)
			case e.Link != nil:
				writeEvent(w, "link", e.Link)
			default:
				fmt.Fprintf(w, "event: evicted\ndata: {\"id\":%d}\n\n", e.Evicted)
			}
		}
	}
}

func writeEvent(w http.ResponseWriter, name string, v any) {
	b, _ := json.Marshal(v)
	fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, b)
}

func problem(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, history.ErrNotFound) {
		status = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": err.Error()})
}

func readQuery(r *http.Request) (q history.Query) {
	v := r.URL.Query()
	q.After, _ = strconv.ParseInt(v.Get("after"), 10, 64)
	q.Before, _ = strconv.ParseInt(v.Get("before"), 10, 64)
	q.FromStart = v.Has("after") && q.After == 0
	q.Since, _ = time.Parse(time.RFC3339Nano, v.Get("since"))
	q.Until, _ = time.Parse(time.RFC3339Nano, v.Get("until"))
	q.Limit, _ = strconv.Atoi(v.Get("limit"))
	q.Topics, q.Sender = v["topic"], v.Get("sender")
	q.Filter, _ = filter.Parse(v.Get("filter"))
	return q
}
