package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/rights"
	"hellox/broker/share"
	"hellox/broker/wire"
	"hellox/stream"
)

// A refusal says why a client, or something that it sent, is refused.
type refusal struct {
	kind   string       // of refused_total
	topic  string       // what it is about; may be empty
	reason string       // one sentence
	code   packets.Code // for MQTT 5
}

// refuse tells a client why it is refused and disconnects it. Any goroutine may
// call it, without a session's lock.
func (c *conn) refuse(r refusal) {
	c.mu.Lock()
	already := c.refused || c.closing || c.closed
	c.refused = true
	c.mu.Unlock()
	if already {
		return
	}
	c.tellRefusal(r)
	c.disconnect(r.code, r.reason)
}

// tellRefusal counts and logs a refusal, and sends it to the client.
func (c *conn) tellRefusal(r refusal) {
	c.shared.refused(c.id, c.RemoteAddr().String(), r)
	c.notify(r.reason)
}

// notify sends the client why it is refused or disconnected, if it subscribes to
// that: MQTT 3.1.1 has no other way.
func (c *conn) notify(reason string) {
	topic, ok := stream.RefusedTopic(c.id)
	if !ok || c.session == nil || !c.session.subscribesTo(topic) || !c.rights().MayReceive(topic) {
		return
	}
	payload, err := json.Marshal(stream.Refusal{Reason: reason})
	if err != nil {
		return // a text is always encoded
	}
	m, d := &journal.Message{Topic: topic, Payload: payload}, delivery{v5: c.v5}
	if !c.tooLarge(m, d) {
		c.publish(m, d, c.shared.now().Unix())
	}
}

// refused counts and logs a refusal.
func (s *shared) refused(client, remote string, r refusal) {
	s.metrics.refused(r.kind)
	s.refusals.add(client, remote, r)
}

// A refusalLog logs refusals, at a bounded rate: a client that is refused comes
// again, and one that means harm does so as often as it can.
type refusalLog struct {
	log *slog.Logger
	now func() time.Time

	mu   sync.Mutex
	last map[refusalKey]*loggedRefusal
}

// A refusalKey says which refusals share their lines.
type refusalKey struct{ client, kind, reason string }

// keyOf returns the key of a refusal. Of a reason it has the first clause, and no digits:
// what follows, or a time, a port or a size, does not make it another one.
func keyOf(client string, r refusal) refusalKey {
	if r.kind == kindStore || r.kind == kindWill {
		return refusalKey{kind: r.kind} // it is about the broker, and all publishers get it
	}
	reason, _, _ := strings.Cut(r.reason, ";")
	reason = strings.Map(func(c rune) rune {
		if '0' <= c && c <= '9' {
			return -1
		}
		return c
	}, reason)
	return refusalKey{client, r.kind, reason[:min(len(reason), maxReasonBytes)]}
}

type loggedRefusal struct {
	at   time.Time
	more int // refusals since, that were not logged
}

const (
	refusalInterval = 10 * time.Second // between two lines about a client and reason
	refusalLast     = 10 * time.Minute // that it is known how many were not logged
	maxRefusalKeys  = 100              // beyond it, all clients share the lines of a kind
	maxReasons      = 8                // of a client and kind; beyond it, they share lines
	maxReasonBytes  = 256              // of a reason, to tell it from others
)

// add logs a refusal, unless one of its client and reason was just logged.
func (l *refusalLog) add(client, remote string, r refusal) {
	attrs := []any{"reason", r.reason}
	if remote != "" {
		attrs = append(attrs, "remote", remote)
	}
	if r.topic != "" {
		attrs = append(attrs, "topic", r.topic[:min(len(r.topic), maxTopicBytes)])
	}
	l.say(slog.LevelWarn, "refused", client, keyOf(client, r), attrs...)
}

// say logs a line that a client causes, unless one of its key was just logged.
func (l *refusalLog) say(level slog.Level, message, client string, key refusalKey, attrs ...any) {
	more, ok := l.take(key)
	if !ok {
		return
	}
	attrs = append([]any{"client", client}, attrs...)
	if more > 0 {
		attrs = append(attrs, "more", more)
	}
	l.log.Log(context.Background(), level, message, attrs...)
}

// take reports whether a line about key may be logged now, and how many were
// left out since the last one.
func (l *refusalLog) take(key refusalKey) (more int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.last == nil {
		l.last = map[refusalKey]*loggedRefusal{}
	}
	if l.last[key] == nil {
		key = l.share(key, now)
	}
	e := l.last[key]
	if e == nil {
		e = &loggedRefusal{}
		l.last[key] = e
	}
	if !e.at.IsZero() && now.Sub(e.at) < refusalInterval {
		e.more++
		return 0, false
	}
	more, e.at, e.more = e.more, now, 0
	return more, true
}

// share returns the key under which the refusals of a new key are logged: itself, or one
// that it shares with other reasons or clients if there are too many. The caller holds
// l.mu.
func (l *refusalLog) share(key refusalKey, now time.Time) refusalKey {
	reasons := 0
	for k, e := range l.last {
		age := now.Sub(e.at)
		switch {
		case e.more == 0 && age >= refusalInterval, age >= refusalLast:
			delete(l.last, k)
		case k.client == key.client && k.kind == key.kind:
			reasons++
		}
	}
	if reasons >= maxReasons {
		key.reason = ""
	}
	if l.last[key] == nil && len(l.last) >= maxRefusalKeys {
		return refusalKey{kind: key.kind}
	}
	return key
}

// The kinds of refusal that are named in more than one place.
const (
	kindStore  = "store"
	kindTopic  = "topic"
	kindRights = "rights"
	kindWill   = "last will"
)

// checkTopic returns why nothing can be published on topic, or nil.
func (l *Limits) checkTopic(topic string) error {
	if rights.IsReserved(topic) {
		return errors.New("topics that begin with $SYS or $share are the broker's")
	}
	if err := l.checkSize("topic", topic); err != nil {
		return err
	}
	return stream.CheckTopic(topic)
}

// checkTopicFilter returns why topicFilter cannot be subscribed to, or nil.
func (l *Limits) checkTopicFilter(topicFilter string) error {
	if len(topicFilter) > l.TopicBytes { // also with the name of a shared one
		return l.checkSize("topic filter", topicFilter)
	}
	_, filter, shared, err := share.Parse(topicFilter)
	if err != nil {
		return err
	}
	if !shared {
		filter = topicFilter
	}
	if err := l.checkSize("topic filter", filter); err != nil {
		return err
	}
	return stream.CheckTopicFilter(filter)
}

func (l *Limits) checkSize(what, topic string) error {
	switch levels := strings.Count(topic, "/") + 1; {
	case len(topic) > l.TopicBytes:
		return fmt.Errorf("%s has %d bytes; at most %d", what, len(topic), l.TopicBytes)
	case levels > l.TopicLevels:
		return fmt.Errorf("%s has %d levels; at most %d", what, levels, l.TopicLevels)
	}
	return nil
}

// refusalOf returns the refusal of a client for a packet that it may not send.
func refusalOf(e *wire.Error) refusal {
	kind := "protocol"
	if e.Frame {
		kind = "frame"
	}
	return refusal{kind, "", e.Reason, e.Code}
}
