package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"hash/crc32"
	"sync"
	"sync/atomic"

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

func loadSeries(ctx context.Context, c *sqlitefile.Conn) (*seriesIndex, error) {
	s := &seriesIndex{byID: map[int64]*series{}, byName: map[[2]string]*series{}}
	err := c.Query(ctx, "SELECT id, topic, sender, last, count FROM source", func(v []driver.Value) error {
		topic, ok1 := v[1].([]byte)
		sender, ok2 := v[2].([]byte)
		if (!ok1 && v[1] != nil) || (!ok2 && v[2] != nil) {
			return badColumn("source", v[1])
		}
		one := newSeries(v[0].(int64), string(topic), string(sender))
		one.last, one.count = v[3].(int64), v[4].(int64)
		s.add(one)
		return nil
	})
	return s, err
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
