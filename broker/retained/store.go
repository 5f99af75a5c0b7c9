package retained

import (
	"maps"
	"strings"
	"sync"

	"hellox/broker/journal"
)

// A Store holds the retained message of each topic. Its zero value is empty and
// without limits.
type Store struct {
	MaxMessages int // 0: any number
	MaxBytes    int // of messages; 0: any number

	mu       sync.RWMutex
	root     node
	levels   levels
	most     int // entries that levels had since it was made
	messages int
	bytes    int
}

// Set retains m, or with an empty payload deletes the topic's retained message
// [MQTT-3.3.1-6]. It returns false if there is no room: then nothing is retained on
// the topic, since what was before is not its present value any more.
func (s *Store) Set(m *journal.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(m.Payload) == 0 {
		s.put(m.Topic, nil)
		return true
	}
	messages, bytes := s.messages+1, s.bytes+m.Size()
	if old := s.root.find(m.Topic); old != nil {
		messages, bytes = messages-1, bytes-old.Size()
	}
	if s.MaxMessages > 0 && messages > s.MaxMessages || s.MaxBytes > 0 && bytes > s.MaxBytes {
		s.put(m.Topic, nil)
		return false
	}
	s.put(m.Topic, m)
	return true
}

// Put retains m on topic, whatever there is beside it; nil deletes it.
func (s *Store) Put(topic string, m *journal.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(topic, m)
}

// put is Put for a caller that holds s.mu.
func (s *Store) put(topic string, m *journal.Message) {
	if old := s.root.find(topic); old != nil {
		s.messages--
		s.bytes -= old.Size()
	}
	if m == nil {
		s.root.remove(topic, 0, s.levels)
		s.shrink()
		return
	}
	s.messages++
	s.bytes += m.Size()
	if s.levels == nil {
		s.levels = levels{}
	}
	s.root.insert(topic, s.levels).message = m
	s.most = max(s.most, len(s.levels))
}

// shrink makes levels anew if it had many more entries: a map keeps the size that it
// had. The caller holds s.mu.
func (s *Store) shrink() {
	if s.most < 1024 || len(s.levels) > s.most/8 {
		return
	}
	left := make(levels, len(s.levels))
	maps.Copy(left, s.levels)
	s.levels, s.most = left, len(left)
}

// Get returns the message that is retained on topic, or nil.
func (s *Store) Get(topic string) *journal.Message {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.root.find(topic)
}

// Len returns how many messages are retained.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.messages
}

// Expire deletes expired messages and returns their topics.
func (s *Store) Expire(now int64) (topics []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root.walk([]string{"#"}, nil, false, false, func(m *journal.Message) bool {
		if m.Expired(now) {
			topics = append(topics, m.Topic)
		}
		return true
	})
	for _, topic := range topics {
		s.put(topic, nil)
	}
	return topics
}

// A Cursor says how far the retained messages of a subscription have been sent.
// The zero value is the beginning.
type Cursor struct {
	topic string
	begun bool
}

// Next returns the next topics after the cursor on which topicFilter matches a
// retained message: at most limit. It moves the cursor past them, and returns
// none at the end.
func (s *Store) Next(topicFilter string, at *Cursor, limit int) (topics []string) {
	var after []string
	if at.begun {
		after = strings.Split(at.topic, "/")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	filter := strings.Split(topicFilter, "/")
	if !s.levels.has(filter) {
		return nil
	}
	s.root.walk(filter, after, at.begun, true, func(m *journal.Message) bool {
		topics = append(topics, m.Topic)
		return len(topics) < limit
	})
	if n := len(topics); n > 0 {
		at.topic, at.begun = topics[n-1], true
	}
	return topics
}

// After returns the cursor behind a topic.
func After(topic string) Cursor { return Cursor{topic, true} }
