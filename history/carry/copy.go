package carry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/track"
)

// A Source is a history to which nothing is appended meanwhile.
type Source interface {
	history.Store
	// Counted returns what is counted besides the messages.
	Counted(ctx context.Context) (track.State, []*track.SenderState, error)
}

// A Target takes a history.
type Target interface {
	Source
	Last() int64 // ID of the newest message in it
	// Add stores messages, which are newer than all stored.
	Add(ctx context.Context, messages []stream.Message) error
	// Done reports whether all of the source was copied to it before, and Finish called.
	Done() bool
	// Finish stores what is counted besides the messages.
	Finish(ctx context.Context, state track.State, senders []*track.SenderState) error
}

// Progress is told how many messages of how many are copied, or compared.
type Progress func(done, all uint64)

// A Result is what was copied.
type Result struct {
	Messages uint64
	First    int64 // ID
	Last     int64
	LeftOut  uint64 // IDs between these that the source does not have
	Evicted  uint64 // IDs before First, for which the target has no room
	Damaged  uint64 // messages that could not be read
	Hash     string // SHA-256 of all messages as JSON, a line each
}

// So many messages are read at once: the first time, and at most. Where payloads are large,
// which may have 256 KiB, it is fewer: so many bytes of them.
const (
	firstPage = 100
	mostPage  = 1000
	leastPage = 16
	pageBytes = 4 << 20
)

// A Plan is what is to be copied.
type Plan struct {
	First  int64  // the first ID to give
	Source string // it names the source, and what is in it: another one is another copy
	stats  history.Stats
	// Evicts: the target is bounded, and evicts the oldest messages.
	Evicts bool
}

// Prepare asks a source what is in it; name is its own.
func Prepare(ctx context.Context, from Source, name string) (*Plan, error) {
	stats, err := from.Stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	state, _, err := from.Counted(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	p := &Plan{First: stats.FirstID, stats: stats}
	if p.First == 0 {
		p.First = state.LastID + 1 // nothing is left of it
	}
	text, err := json.Marshal(struct {
		Name  string      `json:"name"`
		First int64       `json:"first"`
		State track.State `json:"state"`
	}{name, p.First, state})
	p.Source = string(text)
	return p, err
}

// messages is how many there are, at most.
func (p *Plan) messages() uint64 { return p.stats.Stored - min(p.stats.Stored, p.stats.Evicted) }

// Copy copies what is not in the target yet.
func (p *Plan) Copy(ctx context.Context, from Source, to Target, progress Progress) error {
	done := uint64(0)
	if last := to.Last(); last >= p.First {
		done = min(uint64(last-p.First+1), p.messages())
	}
	err := each(ctx, from, max(to.Last(), p.First-1), func(messages []stream.Message) error {
		done += uint64(len(messages))
		progress(min(done, p.messages()), p.messages())
		return to.Add(ctx, messages)
	})
	if err != nil {
		return err
	}
	state, senders, err := from.Counted(ctx)
	if err != nil {
		return err
	}
	return to.Finish(ctx, state, senders)
}

// ErrDiffers is the error of a copy that is not what the source is.
var ErrDiffers = errors.New("the copy differs from its source")

// Verify reads both and compares how many messages they have, the hash of all of them,
// and what is counted.
func (p *Plan) Verify(ctx context.Context, from, to Source, progress Progress) (*Result, error) {
	first := p.First
	if p.Evicts {
		stats, err := to.Stats(ctx)
		if err != nil {
			return nil, err
		}
		first = max(first, stats.FirstID)
	}
	var mu sync.Mutex // of read
	var read [2]uint64
	var got [2]*Result
	var counted [2]string
	group, reading := errgroup.WithContext(ctx)
	for i, s := range []Source{from, to} {
		group.Go(func() (err error) {
			if got[i], err = hash(reading, s, first, func(done uint64) {
				mu.Lock()
				defer mu.Unlock()
				read[i] = done
				progress(min(read[0], read[1], p.messages()), p.messages())
			}); err != nil {
				return err
			}
			state, _, err := s.Counted(reading)
			if err != nil {
				return err
			}
			text, err := json.Marshal(state)
			counted[i] = string(text)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if *got[0] != *got[1] || counted[0] != counted[1] {
		return nil, fmt.Errorf("%w: %d messages (SHA-256 %.12s…), of %d (%.12s…)", ErrDiffers, got[1].Messages, got[1].Hash, got[0].Messages, got[0].Hash)
	}
	stats, err := from.Stats(ctx)
	if err != nil {
		return nil, err
	}
	r := got[0]
	r.Damaged, r.Evicted = stats.Damaged, uint64(first-p.First)
	return r, nil
}

// hash reads all messages from an ID on.
func hash(ctx context.Context, s history.Store, first int64, progress func(done uint64)) (*Result, error) {
	sum, r, line := sha256.New(), &Result{}, []byte(nil)
	err := each(ctx, s, first-1, func(messages []stream.Message) error {
		for i := range messages {
			m := &messages[i]
			if line = append(m.AppendJSON(line[:0]), '\n'); r.Messages == 0 {
				r.First = m.ID
			}
			r.Messages++
			r.Last = m.ID
			sum.Write(line)
		}
		progress(r.Messages)
		return nil
	})
	if r.Messages > 0 {
		r.LeftOut = uint64(r.Last-r.First+1) - r.Messages
	}
	r.Hash = hex.EncodeToString(sum.Sum(nil))
	return r, err
}

// each reads the messages after an ID, a page at a time.
func each(ctx context.Context, s history.Store, after int64, f func([]stream.Message) error) error {
	for q := (history.Query{After: after, FromStart: true, Limit: firstPage}); ; {
		p, err := s.Messages(ctx, q)
		if err != nil {
			return err
		}
		if n := len(p.Messages); n > 0 {
			size := 0
			for i := range p.Messages {
				size += len(p.Messages[i].Payload)
			}
			q.Limit = max(leastPage, min(2*q.Limit, mostPage, pageBytes/(size/n+1)))
			if err := f(p.Messages); err != nil {
				return err
			}
		}
		if p.Next == 0 {
			return nil
		}
		q.After = p.Next
	}
}
