package opening

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Bounds of the attempts.
const (
	retryEvery = time.Second
	warnEvery  = time.Minute
)

// A Waiting is how the opening of one thing goes on. Its methods may be called from
// any goroutine.
type Waiting struct {
	what string

	mu   sync.Mutex
	open bool
	err  error // of the newest attempt; nil: there was none yet
	hint string
}

// New returns a Waiting of what is opened: "the history".
func New(what string) *Waiting { return &Waiting{what: what} }

// Why returns why it is not open yet, and a hint or "".
func (w *Waiting) Why() (sentence, hint string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		return w.what + " is being opened", ""
	}
	return w.what + " cannot be opened yet: " + w.err.Error(), w.hint
}

// Ready returns nil once it is open, else why it is not.
func (w *Waiting) Ready() error {
	w.mu.Lock()
	open := w.open
	w.mu.Unlock()
	if open {
		return nil
	}
	sentence, hint := w.Why()
	if hint != "" {
		sentence += "; " + hint
	}
	return errors.New(sentence)
}

// An Attempt opens once. heals tells of its error whether a later attempt may succeed
// without the role being started again, and what a person can do about it.
type Attempt struct {
	Open  func(ctx context.Context) error
	Heals func(error) (hint string, heals bool)
}

// Open attempts until it is open, ctx ends, or an error does not heal: then it returns
// that error. Why goes to log at once, and then once a minute.
func (w *Waiting) Open(ctx context.Context, a Attempt, log *slog.Logger) error {
	var warned time.Time
	for {
		err := a.Open(ctx)
		switch {
		case err == nil:
			w.set(true, nil, "")
			if !warned.IsZero() {
				log.Info(w.what + " is open")
			}
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		hint, heals := a.Heals(err)
		if !heals {
			return err
		}
		w.set(false, err, hint)
		if warned.IsZero() || time.Since(warned) >= warnEvery {
			warned = time.Now()
			log.Warn(w.what+" cannot be opened yet", "cause", err.Error(), "hint", hint)
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *Waiting) set(open bool, err error, hint string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open, w.err, w.hint = open, err, hint
}
