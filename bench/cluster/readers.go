package main

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// A reader follows the event stream as a browser does: when it ends it asks again, with
// the last ID that it has, here of the next receiver.
type reader struct {
	name  string
	note  func(format string, args ...any)
	pages []string

	mu      sync.Mutex
	first   int64 // IDs
	last    int64
	count   int64
	again   int64 // IDs that it had already
	newest  time.Time
	pause   time.Duration // the longest without a message, since reset
	resumed int
}

// resumeAfter is how long a reader waits before it asks again.
const resumeAfter = 300 * time.Millisecond

func (r *reader) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		r.follow(ctx, r.pages[i%len(r.pages)])
		select {
		case <-ctx.Done():
		case <-time.After(resumeAfter):
		}
	}
}

// follow reads one event stream to its end.
func (r *reader) follow(ctx context.Context, page string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page+"/api/events", nil)
	if err != nil {
		panic(err) // the address is ours
	}
	r.mu.Lock()
	if r.last > 0 {
		request.Header.Set("Last-Event-ID", strconv.FormatInt(r.last, 10))
		r.resumed++
	}
	r.mu.Unlock()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 0, 64<<10), 1<<20)
	for lines.Scan() {
		if text, ok := bytes.CutPrefix(lines.Bytes(), []byte("id: ")); ok {
			if id, err := strconv.ParseInt(string(text), 10, 64); err == nil {
				r.got(id)
			}
		}
	}
}

func (r *reader) got(id int64) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if id <= r.last {
		r.again++
		return
	}
	if r.first == 0 {
		r.first = id
	}
	if !r.newest.IsZero() {
		if since := now.Sub(r.newest); since > r.pause {
			if r.pause = since; since > time.Second {
				r.note("%s: ID %d, %.1f s after the one before", r.name, id, since.Seconds())
			}
		}
	}
	r.last, r.count, r.newest = id, r.count+1, now
}

func (r *reader) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pause, r.newest = 0, time.Now()
}
