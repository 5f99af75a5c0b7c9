package history

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hellox/stream"
	"hellox/stream/filter"
)

// ErrNotFound is the error of a message ID that the history does not hold.
var ErrNotFound = errors.New("no such message in the history")

// ErrClosed is the error of a store that has been closed.
var ErrClosed = errors.New("the history is closed")

// A DamagedError is about a message whose bytes on the disk are not those that
// were written. What is left of it is not shown.
type DamagedError struct{ ID int64 }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("message %d is damaged on the disk and cannot be shown", e.ID)
}

// A Store is a history as the terminal and the page read it. Its methods may be
// called from any goroutine.
type Store interface {
	// Messages returns one page, in id order.
	Messages(ctx context.Context, q Query) (Page, error)
	// Message returns the message of that id, or ErrNotFound, or a
	// *DamagedError.
	Message(ctx context.Context, id int64) (stream.Message, error)
	// Follow returns a Follower that begins after q.After, or with what
	// comes next if q.After is Now. The caller closes it.
	Follow(q Follow) Follower
	// Senders returns every sender, by name.
	Senders(ctx context.Context) ([]stream.Sender, error)
	// Topics returns every topic of which messages are stored, by name.
	Topics(ctx context.Context) ([]Topic, error)
	Stats(ctx context.Context) (Stats, error)
	// Intervals returns a histogram for each sender, by name.
	Intervals(ctx context.Context) ([]Intervals, error)
	Close() error
}

// A Query asks for one page. The zero Query is the newest page.
type Query struct {
	After  int64 // ids above it, oldest first to be found; 0 with Before 0: the newest page
	Before int64 // ids below it, newest first to be found
	// FromStart makes After 0 mean "from the first message stored".
	FromStart bool
	Since     time.Time // received at or after; zero: no bound
	Until     time.Time // received before; zero: no bound
	Select
	Limit int // 1 to 10,000; 0 means 100
}

// Select selects messages and senders. The zero Select selects all.
type Select struct {
	Topics []string       // MQTT topic filters, any of them; none: all
	Sender string         // exactly this one; "": all
	Filter *filter.Filter // nil: all
}

// A Page is one page of messages in id order.
type Page struct {
	Messages []stream.Message
	// Next is where to go on in the same direction (After, or Before when
	// the page was asked for by Before or as the newest); 0 at the end. A
	// sparse filter may give an empty page with a Next.
	Next int64
}

// Now is the Follow.After that begins with what comes next.
const Now int64 = -1

// Follow asks for the messages after an id and those that follow.
type Follow struct {
	After int64 // 0: from the first message stored; Now: only what comes next
	Select
	// JSON asks for Event.JSON, where the store encodes what it publishes once for
	// all of its followers.
	JSON bool
}

// A Follower hands out what happens, in order. It never makes the writer wait:
// one that falls behind catches up from the history by id.
type Follower interface {
	// Next returns what has happened since the last call, at least one
	// event, waiting for it if need be. The slice is valid until the next
	// call. After ctx's error it may be called again; another error is final.
	Next(ctx context.Context) ([]Event, error)
	Close() error
}

// An Event has exactly one field set.
type Event struct {
	Message *stream.Message // shared with other followers: do not change it
	Sender  *stream.Sender  // its state changed
	Link    *stream.Link    // the connection that the stream comes through changed
	// Evicted: ids up to and including it, above the last one handed out,
	// are no longer stored and cannot be handed out.
	Evicted int64
	// Anew: the store has another history now, or an earlier copy of it: what was handed
	// out before is not of it, whatever its IDs.
	Anew bool
	// JSON is the message, sender or link as one JSON object if it has been
	// encoded for all followers, else nil. Shared: do not change it.
	JSON []byte
}

// Before returns the ID after which the messages received since a time begin: for
// the zero time Now.
func Before(ctx context.Context, s Store, since time.Time) (int64, error) {
	if since.IsZero() {
		return Now, nil
	}
	stats, err := s.Stats(ctx) // first: later messages come from a follower
	if err != nil {
		return 0, fmt.Errorf("read the history: %w", err)
	}
	page, err := s.Messages(ctx, Query{FromStart: true, Since: since, Limit: 1})
	if err != nil {
		return 0, fmt.Errorf("read the history since %s: %w", stream.FormatTime(since), err)
	}
	if len(page.Messages) > 0 {
		return page.Messages[0].ID - 1, nil
	}
	return stats.LastID, nil
}
