package journal

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// A Queue is what the journal stores for one session: the batches that it has
// not acknowledged. Its fields are guarded by Journal.mu.
type Queue struct {
	consumer Consumer
	number   uint64
	owner    string // whose it is; "": only its own
	limit    int64  // bytes; 0: as many as the journal takes, and publishers wait for them

	cursor  uint64          // everything up to it is acknowledged, or is not for the session
	pending []queued        // batches that it needs, in the order of their segments
	bytes   int64           // of pending
	wake    chan<- struct{} // of capacity 1: the feeder's; nil while there is none
	ended   bool
	over    bool // over its limit, and told to the broker

	releases int // how often release was called
}

// A queued is a batch that a queue needs, from a size of the batch on: what the
// batch held before has been acknowledged.
type queued struct {
	*batch
	from int64
}

// push adds the messages with which b grew by size bytes, to key, if the queue
// needs them. oldKey is where b ended before, or 0.
func (q *Queue) push(b *batch, oldKey, key uint64, size int64) {
	if q.ended || q.cursor >= key {
		return
	}
	if oldKey == 0 || q.cursor >= oldKey { // else it has b already
		q.pending = append(q.pending, queued{b, b.size - size})
		b.needed++
	}
	q.bytes += size
	if q.wake != nil {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// advance moves the cursor and removes the batches that it passes from pending.
// It calls released for each.
func (q *Queue) advance(cursor uint64, released func(*batch)) {
	q.cursor = cursor
	n := sort.Search(len(q.pending), func(i int) bool { return q.pending[i].segment.first > cursor })
	keep := n
	for i := n - 1; i >= 0; i-- {
		e := q.pending[i]
		if e.last > cursor {
			keep--
			q.pending[keep] = e
			continue
		}
		q.bytes -= e.size - e.from
		released(e.batch)
	}
	clear(q.pending[:keep])
	q.pending = q.pending[keep:]
}

// release removes the batches up to a sequence number from pending that hold nothing
// of open, which is ascending. The segment that may grow stays: push takes it for
// one that is there.
func (q *Queue) release(upTo uint64, open []uint64, released func(*batch)) {
	q.releases++
	keep := q.pending[:0]
	for _, e := range q.pending {
		if e.segment.byGroup != nil || e.last > upTo || e.holds(open) {
			keep = append(keep, e)
			continue
		}
		q.bytes -= e.size - e.from
		released(e.batch)
	}
	clear(q.pending[len(keep):])
	q.pending = keep
}

// holds reports whether the batch holds one of messages, which are ascending, or may.
func (e *queued) holds(messages []uint64) bool {
	i, _ := slices.BinarySearch(messages, e.segment.first)
	return i < len(messages) && messages[i] <= e.last
}

// held returns the size of the batches that hold messages.
func (q *Queue) held(messages []uint64) (size int64) {
	for _, e := range q.pending {
		if e.holds(messages) {
			size += e.size - e.from
		}
	}
	return size
}

// after returns the batches that may hold messages after seq.
func (q *Queue) after(seq uint64) []queued {
	return q.pending[sort.Search(len(q.pending), func(i int) bool { return q.pending[i].segment.last > seq }):]
}

// CompareQueues compares two queues by the numbers of their consumers.
func CompareQueues(a, b *Queue) int { return cmp.Compare(a.number, b.number) }

// A Group is a set of queues that get the same messages. Messages of a commit
// with the same group become one row of the file.
type Group struct {
	queues   []*Queue
	sessions []byte // their numbers, encoded
	guarded  bool   // some of them have no limit
}

// NewGroup returns the group of queues, which are in ascending order of their
// numbers.
func NewGroup(queues []*Queue) *Group {
	g := &Group{queues: queues}
	for _, q := range queues {
		g.sessions = binary.AppendUvarint(g.sessions, q.number)
		g.guarded = g.guarded || q.limit == 0
	}
	return g
}

// Key identifies the members of the group.
func (g *Group) Key() string { return string(g.sessions) }

// Len returns how many members the group has.
func (g *Group) Len() int { return len(g.queues) }

// Without returns the queues of g but one.
func (g *Group) Without(not *Queue) []*Queue {
	queues := make([]*Queue, 0, len(g.queues))
	for _, q := range g.queues {
		if q != not {
			queues = append(queues, q)
		}
	}
	return queues
}
