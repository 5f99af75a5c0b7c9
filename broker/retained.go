package broker

import (
	"sync"

	"hellox/broker/journal"
	"hellox/stream"
)

// retained holds the retained message of each topic.
type retained struct {
	mu       sync.RWMutex
	messages map[string]*journal.Message
	bytes    int
}

// Limits on retained messages. A message beyond them is delivered, not retained.
const (
	maxRetained      = 10_000
	maxRetainedBytes = 32 << 20
)

// set retains m, or with an empty payload deletes the topic's retained message
// [MQTT-3.3.1-6]. It returns false if there is no room.
func (r *retained) set(m *journal.Message) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.messages[m.Topic]
	if old != nil {
		r.bytes -= old.Size()
		delete(r.messages, m.Topic)
	}
	if len(m.Payload) == 0 {
		return true
	}
	if len(r.messages) >= maxRetained || r.bytes+m.Size() > maxRetainedBytes {
		if old != nil {
			r.messages[m.Topic] = old
			r.bytes += old.Size()
		}
		return false
	}
	if r.messages == nil {
		r.messages = map[string]*journal.Message{}
	}
	r.messages[m.Topic] = m
	r.bytes += m.Size()
	return true
}

// setOwn retains a message of the broker's own, whatever there is beside it; nil
// deletes it.
func (r *retained) setOwn(topic string, m *journal.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m == nil {
		delete(r.messages, topic)
		return
	}
	if r.messages == nil {
		r.messages = map[string]*journal.Message{}
	}
	r.messages[topic] = m
}

// match returns the retained messages on topics that topicFilter matches.
func (r *retained) match(topicFilter string) []*journal.Message {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if m := r.messages[topicFilter]; m != nil {
		return []*journal.Message{m}
	}
	var found []*journal.Message
	for topic, m := range r.messages {
		if stream.MatchTopic(topicFilter, topic) {
			found = append(found, m)
		}
	}
	return found
}

func (r *retained) get(topic string) *journal.Message {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.messages[topic]
}

// expire deletes expired messages and returns their topics.
func (r *retained) expire(now int64) (topics []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, m := range r.messages {
		if m.Expired(now) {
			topics = append(topics, topic)
			r.bytes -= m.Size()
			delete(r.messages, topic)
		}
	}
	return topics
}

func (r *retained) count() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.messages)
}
