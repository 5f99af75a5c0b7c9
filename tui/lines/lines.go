package lines

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/tui/bgcolor"
	"hellox/tui/theme"
)

// ErrShort means that For was over before Count messages came.
var ErrShort = errors.New("the time ended before enough messages came")

// Options configure Write.
type Options struct {
	Store history.Store
	Since time.Time // begin in the history there; zero: with the next message
	// Follower is read instead of the Store, and closed, if it is not nil: it has
	// its own selection and no history.
	Follower history.Follower
	Select   history.Select
	JSON     bool          // one JSON object a line, else aligned columns
	Color    bool          // columns only
	Count    int           // end after that many messages; 0: no bound
	For      time.Duration // end after that time; 0: no bound
	Out      io.Writer     // the messages
	Err      io.Writer     // link states, and with JSON gaps; nil: discarded
	Now      func() time.Time
	Record   func([]history.Event) // given what is written, batch by batch; nil: nothing
	// Degraded says why nothing is acknowledged now, or "". nil: the Store is asked, if
	// there is one.
	Degraded func(context.Context) string

	Background string // of the terminal: bgcolor.Light or Dark; "": not known
}

// Write writes one message a line as they come, and returns how many. It
// returns nil after Count messages, when For is over, when a recording ends
// (io.EOF), or when Out is closed by its reader; ErrShort if For is over before Count; else the error of ctx or of
// the store.
func Write(ctx context.Context, o Options) (int, error) {
	if o.Err == nil {
		o.Err = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Degraded == nil && o.Store != nil {
		o.Degraded = func(ctx context.Context) string {
			stats, err := o.Store.Stats(ctx)
			if err != nil {
				return "" // the link has a better sentence about it
			}
			return stats.Degraded
		}
	}
	over := errors.New("time is over")
	limited, cancel := ctx, context.CancelFunc(func() {})
	if o.For > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, o.For, over)
	}
	defer cancel()
	n, err := follow(limited, o)
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe), errors.Is(err, io.EOF):
		return n, nil
	case err != nil && errors.Is(context.Cause(limited), over):
		if n < o.Count {
			return n, fmt.Errorf("%w: %d of %d", ErrShort, n, o.Count)
		}
		return n, nil
	}
	return n, err
}

// follow writes until the count is reached or an error.
func follow(ctx context.Context, o Options) (int, error) {
	follower, after := o.Follower, history.Now
	if follower == nil {
		var err error
		if after, err = history.Before(ctx, o.Store, o.Since); err != nil {
			return 0, err
		}
		follower = o.Store.Follow(history.Follow{After: after, Select: o.Select})
	}
	defer func() { _ = follower.Close() }()

	w := writer{out: bufio.NewWriterSize(o.Out, 64<<10), o: o, last: max(after, 0), senderW: 12, textW: 24}
	w.theme = theme.New(renderer(o))
	defer w.stop()
	for {
		if err := w.look(ctx); err != nil {
			return w.n, err
		}
		events, err := w.next(ctx, follower)
		if err != nil {
			return w.n, err
		}
		done, err := w.batch(events)
		if err != nil || done {
			return w.n, err
		}
	}
}

// lookInterval is how often it is looked whether the stream is degraded.
const lookInterval = 2 * time.Second

// next returns the next events: none, where it is time to look whether the stream is
// degraded.
func (w *writer) next(ctx context.Context, follower history.Follower) ([]history.Event, error) {
	if w.o.Degraded == nil {
		return follower.Next(ctx)
	}
	if w.limited == nil { // one for many batches: a timer costs as much as a message
		w.limited, w.cancel = context.WithTimeout(ctx, lookInterval)
	}
	events, err := follower.Next(w.limited)
	if w.limited.Err() == nil {
		return events, err
	}
	w.stop()
	if err != nil && ctx.Err() == nil {
		return nil, nil
	}
	return events, err
}

// stop ends the time until it is looked at again.
func (w *writer) stop() {
	if w.cancel != nil {
		w.cancel()
	}
	w.limited, w.cancel = nil, nil
}

// batch writes events up to the last one that counts, and reports whether that was
// among them.
func (w *writer) batch(events []history.Event) (done bool, err error) {
	n := 0
	for n < len(events) && !done {
		if err := w.event(&events[n]); err != nil {
			return false, err
		}
		n++
		done = w.o.Count > 0 && w.n == w.o.Count
	}
	if w.o.Record != nil {
		w.o.Record(events[:n])
	}
	return done, w.out.Flush()
}

// renderer returns a renderer with the colours of the terminal, or without.
func renderer(o Options) *lipgloss.Renderer {
	r := lipgloss.NewRenderer(o.Out)
	if !o.Color {
		r.SetColorProfile(termenv.Ascii)
	}
	r.SetHasDarkBackground(bgcolor.Known(o.Background))
	return r
}
