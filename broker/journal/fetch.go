package journal

import (
	"cmp"
	"slices"
)

// fetchBytes is how much one Fetch reads, beyond one segment.
const fetchBytes = 256 << 10

// Fetch returns messages that q holds after seq, in order, and the sequence
// number up to which these are all; or 0 if there is none. It reads them from
// memory or the file.
func (j *Journal) Fetch(q *Queue, seq uint64) (messages []*Message, upTo uint64, err error) {
	for {
		var releases int
		if messages, upTo, releases, err = j.fetch(q, seq); err == nil {
			return messages, upTo, nil
		}
		needed, released := j.needs(q, seq)
		switch {
		case !needed:
			return nil, 0, nil // the session has ended meanwhile, or another connection has acknowledged them
		case released == releases:
			return nil, 0, err
		}
	}
}

func (j *Journal) fetch(q *Queue, seq uint64) (messages []*Message, upTo uint64, releases int, err error) {
	j.mu.Lock()
	releases = q.releases
	var r read
	var size int64
	parts := 0
	var last *segment
	for _, e := range q.after(seq) {
		if last != nil && e.segment != last && size >= fetchBytes {
			break
		}
		if e.last <= seq {
			continue
		}
		last, parts = e.segment, parts+1
		upTo = max(upTo, e.last)
		size += e.size
		if e.messages != nil {
			messages = append(messages, after(e.messages, seq)...)
			continue
		}
		r.size += e.size
		for _, s := range e.spans {
			if s.last > seq {
				r.spans = append(r.spans, s)
			}
		}
	}
	j.mu.Unlock()
	if len(r.spans) > 0 {
		r.seq = seq
		j.file.read(&r)
		if r.err != nil {
			return nil, 0, releases, r.err
		}
		messages = append(messages, r.messages...)
	}
	if parts > 1 {
		slices.SortFunc(messages, func(a, b *Message) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	return messages, upTo, releases, nil
}

// after returns the messages after seq; all is ascending.
func after(all []*Message, seq uint64) []*Message {
	i, _ := slices.BinarySearchFunc(all, seq+1, func(m *Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
	return all[i:]
}

// needs reports whether q still needs what follows seq, and how often it has released
// something in between.
func (j *Journal) needs(q *Queue, seq uint64) (needed bool, releases int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !q.ended && q.cursor <= seq, q.releases
}

// Listen makes the journal send on wake, which has a capacity of 1, when there is
// more to fetch for q; nil ends that.
func (j *Journal) Listen(q *Queue, wake chan<- struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	q.wake = wake
}
