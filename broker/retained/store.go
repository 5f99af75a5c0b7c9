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
	// MaxOwned and MaxOwnedBytes are the same of the messages of one owner.
	MaxOwned, MaxOwnedBytes int

	mu     sync.RWMutex
	root   node
	levels levels
	most   int // entries that levels had since it was made
	all    usage
	owned  map[string]usage // by owner; of messages without one there is no count
}

// A usage is how much is retained.
type usage struct{ messages, bytes int }

// more returns u and n times m; nil is nothing.
func (u usage) more(m *journal.Message, n int) usage {
	if m != nil {
		u.messages, u.bytes = u.messages+n, u.bytes+n*m.Size()
	}
	return u
}

// grownOver reports whether u is more than a limit, and more than before was: what
// is beyond a limit, as it was higher when that was retained, may be replaced.
func (u usage) grownOver(before usage, messages, bytes int) bool {
	return messages > 0 && u.messages > max(messages, before.messages) || bytes > 0 && u.bytes > max(bytes, before.bytes)
}

// A Result says whether a message was retained.
type Result byte

// The results of Set.
const (
	Retained Result = iota
	Full            // there is no room
	Share           // the owner has its share
)

// Set retains m, or with an empty payload deletes the topic's retained message
// [MQTT-3.3.1-6]. If there is no room, nothing is retained on the topic: what was
// before is not its present value any more.
func (s *Store) Set(m *journal.Message) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	result, old, before := Retained, s.root.find(m.Topic), s.owned[m.Owner]
	owned := before.more(m, 1)
	if old != nil && old.Owner == m.Owner {
		owned = owned.more(old, -1)
	}
	switch {
	case len(m.Payload) == 0:
	case s.all.more(old, -1).more(m, 1).grownOver(s.all, s.MaxMessages, s.MaxBytes):
		result = Full
	case m.Owner != "" && owned.grownOver(before, s.MaxOwned, s.MaxOwnedBytes):
		result = Share
	default:
		s.put(m.Topic, m)
		return Retained
	}
	s.put(m.Topic, nil)
	return result
}

// Put retains m on topic, whatever there is beside it; nil deletes it.
func (s *Store) Put(topic string, m *journal.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(topic, m)
}

// put is Put for a caller that holds s.mu.
func (s *Store) put(topic string, m *journal.Message) {
	s.count(s.root.find(topic), -1)
	s.count(m, 1)
	if m == nil {
		s.root.remove(topic, 0, s.levels)
		s.shrink()
		return
	}
	if s.levels == nil {
		s.levels = levels{}
	}
	s.root.insert(topic, s.levels).message = m
	s.most = max(s.most, len(s.levels))
}

// count adds n times m to what is retained. The caller holds s.mu.
func (s *Store) count(m *journal.Message, n int) {
	s.all = s.all.more(m, n)
	if m == nil || m.Owner == "" {
		return
	}
	if s.owned == nil {
		s.owned = map[string]usage{}
	}
	s.owned[m.Owner] = s.owned[m.Owner].more(m, n)
	if s.owned[m.Owner].messages == 0 {
		delete(s.owned, m.Owner)
	}
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

// Full reports whether there is no room for one more message, or no bytes.
func (s *Store) Full() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.MaxMessages > 0 && s.all.messages >= s.MaxMessages || s.MaxBytes > 0 && s.all.bytes >= s.MaxBytes
}

// Len returns how many messages are retained.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.all.messages
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
