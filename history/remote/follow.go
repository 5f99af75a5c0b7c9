package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"hellox/history"
	"hellox/stream"
)

// remoteFollower is a Remote's Follower. A goroutine of its own reads the
// receiver's events, and reconnects; it ends with Close of the follower or of
// the store.
type remoteFollower struct {
	r      *Client
	sel    history.Select
	ctx    context.Context
	cancel context.CancelFunc

	// The reading goroutine's own.
	after    int64           // id of the newest message seen; Now: none yet
	held     *stream.Message // one of the history that is followed; nil: none is known yet
	received bool            // something since the last connect
	connects int

	batches chan []history.Event // from the reading goroutine, which waits while it is full; never closed
	done    chan struct{}        // closed when the reading goroutine has ended, after err is set
	err     error
	close   sync.Once
}

// How long a connection may be silent (a receiver sends its totals at least every 2 s),
// and how much is handed over at once.
const (
	silence      = 10 * time.Second
	batchesAhead = 8
	handEvents   = 512
)

// Follow implements Store.
func (r *Client) Follow(q history.Follow) history.Follower {
	f := &remoteFollower{r: r, sel: q.Select, after: q.After, batches: make(chan []history.Event, batchesAhead), done: make(chan struct{})}
	f.ctx, f.cancel = context.WithCancel(r.stop)
	r.group.Go(func() {
		defer close(f.done)
		f.err = f.run()
	})
	return f
}

// Next implements Follower.
func (f *remoteFollower) Next(ctx context.Context) ([]history.Event, error) {
	select {
	case events := <-f.batches:
		return events, nil
	default:
	}
	select {
	case events := <-f.batches:
		return events, nil
	case <-f.done:
		return nil, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close implements Follower.
func (f *remoteFollower) Close() error {
	f.close.Do(f.cancel)
	<-f.done
	return nil
}

// run connects again and again until the follower is closed, or the receiver
// refuses it for good.
func (f *remoteFollower) run() error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 200*time.Millisecond, 5*time.Second
	for {
		err := f.connect()
		if f.ctx.Err() != nil {
			return history.ErrClosed
		}
		if ask := new(askError); errors.As(err, &ask) {
			err = ask.err // what it was asked for is of no use to those who watch
		}
		var problem *APIError
		if errors.As(err, &problem) && problem.Status < 500 && problem.Status != http.StatusTooManyRequests && problem.Status != http.StatusRequestTimeout {
			return fmt.Errorf("follow receiver %s: %w", f.r.base.Host, err)
		}
		if f.received {
			wait.Reset()
		}
		pause := wait.NextBackOff()
		now := time.Now()
		f.hand([]history.Event{{Link: &stream.Link{State: stream.Retrying, Since: now, Retry: now.Add(pause), Cause: fmt.Sprintf("The receiver at %s cannot be reached: %v.", f.r.base.Host, err)}}})
		select {
		case <-f.ctx.Done():
			return history.ErrClosed
		case <-time.After(pause):
		}
	}
}

// hand gives events to Next; it waits until they are taken.
func (f *remoteFollower) hand(events []history.Event) {
	if len(events) == 0 {
		return
	}
	select {
	case f.batches <- events:
	case <-f.ctx.Done():
	}
}

// connect reads events until the connection ends, which is its error.
func (f *remoteFollower) connect() error {
	f.received = false
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	st, err := f.r.Stats(ctx)
	if err != nil {
		return err
	}
	if err := f.place(ctx, &st); err != nil {
		return err
	}
	q := selectValues(&f.sel)
	q.Set("after", strconv.FormatInt(f.after, 10))
	resp, err := f.r.open(ctx, "/api/events", q, "text/event-stream")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := f.greet(ctx, st.Link); err != nil {
		return err
	}
	watchdog := time.AfterFunc(f.r.silence, cancel)
	defer watchdog.Stop()
	frames := newFrameReader(resp.Body)
	var events []history.Event
	for {
		fr, err := frames.next()
		if err != nil {
			f.hand(events)
			if ctx.Err() != nil && f.ctx.Err() == nil {
				return fmt.Errorf("nothing came for %s", f.r.silence)
			}
			return cause(err)
		}
		watchdog.Reset(f.r.silence)
		f.received = true
		e, ok, err := f.decode(fr)
		if err != nil {
			f.hand(events)
			return err
		}
		if ok {
			events = append(events, e)
		}
		if len(events) > 0 && (!frames.buffered() || len(events) >= handEvents) {
			f.hand(events)
			events = nil
			watchdog.Reset(f.r.silence) // the reader's pace is no fault of the connection
		}
	}
}

// place finds where to begin. Where now is must be known before the first message, or it
// could be lost together with the connection. An id from the future is one of another
// history, and so is one that names another message: there is nothing to resume, what
// comes next is.
func (f *remoteFollower) place(ctx context.Context, st *history.Stats) error {
	another, err := f.another(ctx)
	if err != nil {
		return err
	}
	if f.after == history.Now || f.after > st.LastID || another {
		if another || f.after != history.Now && !st.Shared { // one of several receivers may be a moment behind the others
			f.hand([]history.Event{{Anew: true}})
		}
		f.after, f.held = st.LastID, nil
	}
	if f.held == nil && f.after > 0 {
		f.held, err = f.message(ctx, f.after)
	}
	return err
}

// another reports whether the receiver has another message under the ID of the one held:
// then its history is another one.
func (f *remoteFollower) another(ctx context.Context) (bool, error) {
	if f.held == nil {
		return false, nil
	}
	m, err := f.message(ctx, f.held.ID)
	if err != nil || m == nil {
		return false, err
	}
	return m.Topic != f.held.Topic || !m.Received.Equal(f.held.Received), nil
}

// message returns a message; nil: it is not there to be read.
func (f *remoteFollower) message(ctx context.Context, id int64) (*stream.Message, error) {
	m, err := f.r.Message(ctx, id)
	if damaged := new(history.DamagedError); errors.Is(err, history.ErrNotFound) || errors.As(err, &damaged) {
		return nil, nil
	}
	return &m, err
}

// greet hands out the state of things now that there is a connection: the
// receiver's link to its broker and, after an interruption, all senders, whose
// changes may have been missed.
func (f *remoteFollower) greet(ctx context.Context, link stream.Link) error {
	events := []history.Event{{Link: &link}}
	if f.connects > 0 {
		senders, err := f.r.Senders(ctx)
		if err != nil {
			return err
		}
		for i := range senders {
			events = append(events, history.Event{Sender: &senders[i]})
		}
	}
	f.connects++
	f.hand(events)
	return nil
}

// decode turns a frame into an event; false if it is none for us.
func (f *remoteFollower) decode(fr frame) (e history.Event, ok bool, err error) {
	if len(fr.data) == 0 {
		return e, false, nil
	}
	switch fr.event {
	case "", "message":
		m := new(stream.Message)
		if err := json.Unmarshal(fr.data, m); err != nil {
			return e, false, err
		}
		if m.ID <= f.after {
			return e, false, nil
		}
		f.after, f.held = m.ID, m
		return history.Event{Message: m}, true, nil
	case "sender":
		s := new(stream.Sender)
		err = json.Unmarshal(fr.data, s)
		return history.Event{Sender: s}, err == nil, err
	case "link":
		l := new(stream.Link)
		err = json.Unmarshal(fr.data, l)
		return history.Event{Link: l}, err == nil, err
	case "evicted":
		var gone struct {
			ID int64 `json:"id"`
		}
		if err := json.Unmarshal(fr.data, &gone); err != nil {
			return e, false, err
		}
		if gone.ID <= f.after {
			return e, false, nil
		}
		f.after = gone.ID
		return history.Event{Evicted: gone.ID}, true, nil
	}
	return e, false, nil // a newer receiver's
}
