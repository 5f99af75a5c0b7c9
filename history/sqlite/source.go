package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"hash/crc32"
	"sync"
	"sync/atomic"
)

// A source is a pair of topic and sender. Its messages form a chain, from the
// newest back.
type source struct {
	id            int64
	topic, sender string
	seed          uint32 // of its rows' checksums

	// The writer's own.
	last    int64 // id of its newest message, on the disk or about to be
	count   int64 // of its messages, ever
	changed bool  // since the books were kept

	shown      atomic.Int64 // last, once it is on the disk
	shownCount atomic.Int64 // count, likewise
}

func newSource(id int64, topic, sender string) *source {
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], uint64(len(topic)))
	seed := crc32.Checksum(size[:], castagnoli())
	seed = crc32.Update(seed, castagnoli(), []byte(topic))
	seed = crc32.Update(seed, castagnoli(), []byte(sender))
	return &source{id: id, topic: topic, sender: sender, seed: seed}
}

// show lets readers see what is on the disk.
func (s *source) show(last, count int64) {
	s.shown.Store(last)
	s.shownCount.Store(count)
}

// sources are all sources of the messages kept.
type sources struct {
	mu     sync.RWMutex
	byID   map[int64]*source
	byName map[[2]string]*source // topic, sender
	newest int64                 // highest id given
}

func loadSources(ctx context.Context, c *conn) (*sources, error) {
	s := &sources{byID: map[int64]*source{}, byName: map[[2]string]*source{}}
	err := c.query(ctx, "SELECT id, topic, sender, last, count FROM source", func(v []driver.Value) error {
		topic, ok1 := v[1].([]byte)
		sender, ok2 := v[2].([]byte)
		if (!ok1 && v[1] != nil) || (!ok2 && v[2] != nil) {
			return badColumn("source", v[1])
		}
		src := newSource(v[0].(int64), string(topic), string(sender))
		src.last, src.count = v[3].(int64), v[4].(int64)
		s.add(src)
		return nil
	})
	return s, err
}

func (s *sources) add(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[src.id] = src
	s.byName[[2]string{src.topic, src.sender}] = src
	s.newest = max(s.newest, src.id)
}

func (s *sources) remove(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, src.id)
	delete(s.byName, [2]string{src.topic, src.sender})
}

// get returns the source of that id, or nil.
func (s *sources) get(id int64) *source {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

// find returns the source of that name; new if there was none, and then it is
// the caller's to write.
func (s *sources) find(topic, sender string) (src *source, isNew bool) {
	s.mu.RLock()
	src, id := s.byName[[2]string{topic, sender}], s.newest+1
	s.mu.RUnlock()
	if src != nil {
		return src, false
	}
	src = newSource(id, topic, sender)
	s.add(src)
	return src, true
}

// where returns those that f wants.
func (s *sources) where(f func(*source) bool) []*source {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []*source
	for _, src := range s.byID {
		if f(src) {
			found = append(found, src)
		}
	}
	return found
}
