package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"hash/crc32"
	"strconv"
	"sync"
	"sync/atomic"

	"hellox/history"
	"hellox/sqlitefile"
)

// A series is the messages of one pair of topic and sender. Each row refers to
// the one before it (prev), and one in anchorEvery is an anchor: a skip list of
// two levels. Table and columns on the disk are named source, back and mark.
type series struct {
	id            int64
	topic, sender string
	seed          uint32 // of its rows' checksums

	// The writer's own.
	last    int64 // id of its newest message, on the disk or about to be
	count   int64 // of its messages, ever
	changed bool  // since the last checkpoint

	committedLast  atomic.Int64 // last, once it is on the disk
	committedCount atomic.Int64 // count, likewise
}

func newSeries(id int64, topic, sender string) *series {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(topic)))
	seed := crc32.Checksum(size[:], castagnoli())
	seed = crc32.Update(seed, castagnoli(), []byte(topic))
	seed = crc32.Update(seed, castagnoli(), []byte(sender))
	return &series{id: id, topic: topic, sender: sender, seed: seed}
}

// setCommitted lets readers see what is on the disk.
func (s *series) setCommitted(last, count int64) {
	s.committedLast.Store(last)
	s.committedCount.Store(count)
}

// A seriesIndex holds every series that has messages.
type seriesIndex struct {
	mu     sync.RWMutex
	byID   map[int64]*series
	byName map[[2]string]*series // topic, sender
	newest int64                 // highest id given
}

// loadSeries reads table source. Those whose row is damaged are returned as well:
// where their messages end is not known.
func loadSeries(ctx context.Context, c *sqlitefile.Conn) (s *seriesIndex, damaged []*series, err error) {
	s = &seriesIndex{byID: map[int64]*series{}, byName: map[[2]string]*series{}}
	err = c.Query(ctx, "SELECT id, topic, sender, last, count, crc FROM source", func(v []driver.Value) error {
		id, ok := v[0].(int64)
		if !ok {
			return badColumn("source", v[0])
		}
		topic, ok1 := v[1].([]byte)
		sender, ok2 := v[2].([]byte)
		one := newSeries(id, string(topic), string(sender))
		last, ok3 := v[3].(int64)
		count, ok4 := v[4].(int64)
		one.last, one.count = last, count
		crc, known := v[5].(int64)
		// An empty BLOB comes as NULL.
		if (!ok1 && v[1] != nil) || (!ok2 && v[2] != nil) || !ok3 || !ok4 || known && crc != one.checksum(last, count) || !known && v[5] != nil {
			damaged = append(damaged, one)
		}
		s.add(one)
		return nil
	})
	return s, damaged, err
}

// checksum is that of the series' row in table source.
func (s *series) checksum(last, count int64) int64 {
	var b [24]byte
	for i, n := range [...]int64{s.id, last, count} {
		binary.LittleEndian.PutUint64(b[8*i:], uint64(n))
	}
	return int64(int32(crc32.Update(s.seed, castagnoli(), b[:])))
}

// recount finds the newest message of a series up to an ID, and how many it has,
// from the messages themselves.
func (s *series) recount(ctx context.Context, c *sqlitefile.Conn, upTo int64) error {
	s.last, s.count, s.changed = 0, 0, false
	return eachRow(ctx, c, "source = "+strconv.FormatInt(s.id, 10), 0, upTo+1, true, func(r *row) error {
		if r.sound(s) {
			s.last = r.id
			s.count++
		}
		return nil
	})
}

// of returns the series of an ID as the reader's snapshot has it: an eviction
// that came later may have ended it.
func (s *seriesIndex) of(ctx context.Context, c *sqlitefile.Conn, id int64) (*series, error) {
	if one := s.get(id); one != nil {
		return one, nil
	}
	var one *series
	err := c.Query(ctx, "SELECT topic, sender FROM source WHERE id = ?", func(v []driver.Value) error {
		topic, _ := v[0].([]byte)
		sender, _ := v[1].([]byte)
		one = newSeries(id, string(topic), string(sender))
		return nil
	}, id)
	if sqlitefile.IsDamaged(err) {
		return nil, nil
	}
	return one, err
}

func (s *seriesIndex) add(one *series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[one.id] = one
	s.byName[[2]string{one.topic, one.sender}] = one
	s.newest = max(s.newest, one.id)
}

func (s *seriesIndex) remove(one *series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, one.id)
	delete(s.byName, [2]string{one.topic, one.sender})
}

// get returns the series of that ID, or nil.
func (s *seriesIndex) get(id int64) *series {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// find returns the series of that name. If there was none it is new, and the
// caller writes it.
func (s *seriesIndex) find(topic, sender string) (one *series, isNew bool) {
	s.mu.RLock()
	one, id := s.byName[[2]string{topic, sender}], s.newest+1
	s.mu.RUnlock()
	if one != nil {
		return one, false
	}
	one = newSeries(id, topic, sender)
	s.add(one)
	return one, true
}

// where returns those for which f is true.
func (s *seriesIndex) where(f func(*series) bool) []*series {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*series
	for _, one := range s.byID {
		if f(one) {
			found = append(found, one)
		}
	}
	return found
}

// topics returns the topics of the series, by name.
func (s *seriesIndex) topics() []history.Topic {
	counts := history.TopicCounts{}
	for _, one := range s.where(func(one *series) bool { return one.committedCount.Load() > 0 }) {
		t := counts.Topic(one.topic)
		t.Messages += uint64(one.committedCount.Load())
		t.LastID = max(t.LastID, one.committedLast.Load())
	}
	return counts.Sorted()
}
