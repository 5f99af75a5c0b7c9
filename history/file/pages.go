package file

import (
	"context"

	"hellox/history"
	"hellox/history/live"
	"hellox/stream"
)

// snapshot returns the index as it is now.
func (s *Store) snapshot() (index, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return index{}, history.ErrClosed
	}
	x := s.index
	if n := len(x.segments); n > 0 { // the last one is still changed
		x.segments = append(x.segments[:n-1:n-1], x.segments[n-1])
	}
	return x, nil
}

// Messages implements history.Store.
func (s *Store) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	x, err := s.snapshot()
	if err != nil || len(x.segments) == 0 {
		return history.Page{}, err
	}
	lo, hi := x.after(q.After), len(x.segments) // the segments that may hold some
	if q.Before > 0 {
		if hi = x.after(q.Before - 1); hi < len(x.segments) && x.segments[hi].first < q.Before {
			hi++
		}
	}
	if lo >= hi {
		return history.Page{}, nil
	}
	p := live.NewPager(&q)
	step, i := 1, lo
	if !q.Forward() {
		step, i = -1, hi-1
	}
	for more := true; more && i >= lo && i < hi; i += step {
		if more, err = s.offer(ctx, &x, x.segments[i], &q, p); err != nil {
			return history.Page{}, err
		}
	}
	return p.Page(edge(&x, &q, lo, hi)), ctx.Err()
}

// edge returns the ID of the last message that a page of q may hold.
func edge(x *index, q *history.Query, lo, hi int) int64 {
	if q.Forward() {
		return x.segments[hi-1].last
	}
	return x.segments[lo].first
}

// offer offers the messages of a segment to a page, in its direction, and reports
// whether the page takes more.
func (s *Store) offer(ctx context.Context, x *index, seg segment, q *history.Query, p *live.Pager) (bool, error) {
	out := !q.Since.IsZero() && seg.to < q.Since.UnixNano() || !q.Until.IsZero() && seg.from >= q.Until.UnixNano()
	if out {
		if q.Forward() {
			p.Skip(seg.last)
		} else {
			p.Skip(seg.first)
		}
		return p.More(ctx), nil
	}
	all, err := x.read(ctx, s.f, seg)
	if err != nil {
		return false, err
	}
	for i := range all {
		m := all[i]
		if !q.Forward() {
			m = all[len(all)-1-i]
		}
		switch {
		case m.ID <= q.After, q.Before > 0 && m.ID >= q.Before:
			continue
		case !since(m, q.Since), !q.Until.IsZero() && !m.Received.Before(q.Until):
			p.Skip(m.ID)
		default:
			p.Offer(m)
		}
		if !p.More(ctx) {
			return false, nil
		}
	}
	return true, nil
}

// Message implements history.Store.
func (s *Store) Message(ctx context.Context, id int64) (stream.Message, error) {
	x, err := s.snapshot()
	if err != nil {
		return stream.Message{}, err
	}
	if i := x.after(id - 1); i < len(x.segments) && x.segments[i].first <= id {
		all, err := x.read(ctx, s.f, x.segments[i])
		if err != nil {
			return stream.Message{}, err
		}
		for _, m := range all {
			if m.ID == id {
				return *m, nil
			}
		}
	}
	return stream.Message{}, history.ErrNotFound
}

// FirstID implements live.Reader.
func (s *Store) FirstID() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.index.segments) == 0 {
		return 1
	}
	return s.index.segments[0].first
}

// Follow implements history.Store.
func (s *Store) Follow(q history.Follow) history.Follower { return s.state.Follow(s, q) }

// Senders implements history.Store.
func (s *Store) Senders(context.Context) ([]stream.Sender, error) { return s.state.Senders(), nil }

// Topics implements history.Store.
func (s *Store) Topics(context.Context) ([]history.Topic, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.topics.Sorted(), nil
}

// Intervals implements history.Store.
func (s *Store) Intervals(context.Context) ([]history.Intervals, error) {
	return s.state.Intervals(), nil
}

// Stats implements history.Store. The link is connected while the file is written, and
// ended after that.
func (s *Store) Stats(context.Context) (history.Stats, error) {
	st := s.state.Stats()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st.Bytes, st.Damaged, st.Started = s.size, uint64(s.damage.Lines), s.header.Start
	if s.damage.Torn {
		st.Damaged++
	}
	if n := len(s.index.segments); n > 0 {
		st.FirstID, st.LastID = s.index.segments[0].first, s.index.segments[n-1].last
		st.Oldest, st.Newest = s.oldest, s.newest
	}
	if !s.growing {
		st.Link = stream.Link{State: stream.Ended}
	}
	return st, nil
}
