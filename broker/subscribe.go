package broker

import (
	"fmt"
	"maps"
	"slices"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/retained"
	"hellox/broker/share"
	"hellox/stream"
)

// A newSubscription is one that the SUBACK grants; retained messages follow.
type newSubscription struct {
	journal.Subscription
	sendRetained bool // retained messages are asked for
}

// subscribe handles a SUBSCRIBE. The SUBACK waits until the session's row is on
// disk.
func (h *handler) subscribe(pk *packets.Packet) error {
	tooMany := !h.hasRoomFor(pk.Filters)
	since := h.broker.journal.LastSeq()
	codes := make([]byte, len(pk.Filters))
	granted := make([]newSubscription, 0, len(pk.Filters))
	for _, i := range h.noticesFirst(pk.Filters) {
		f := pk.Filters[i]
		if r, ok := h.maySubscribe(f.Filter, tooMany); !ok {
			h.conn.tellRefusal(r)
			codes[i] = packets.ErrUnspecifiedError.Code // all that MQTT 3.1.1 has
			if h.conn.v5 {
				codes[i] = r.code.Code
			}
			continue
		}
		codes[i] = f.Qos
		sub := journal.Subscription{
			TopicFilter: f.Filter, QoS: codes[i], NoLocal: f.NoLocal,
			RetainAsPublished: f.RetainAsPublished, Identifier: f.Identifier, Since: since,
		}
		isNew := h.conn.session.subscribe(&h.broker.router, sub)
		wanted := f.RetainHandling == 0 || f.RetainHandling == 1 && isNew // [MQTT-3.3.1-9] to [-11]
		wanted = wanted && !share.Is(f.Filter)                            // 5: 4.8.2
		granted = append(granted, newSubscription{sub, wanted})
	}
	if h.conn.session.stored && len(granted) > 0 {
		h.conn.wroteSeq(h.broker.journal.Save(h.conn.session, h.conn))
	}
	for _, sub := range granted {
		h.broker.subscribed(h.conn.id, sub.TopicFilter)
	}
	ack := &packets.Packet{PacketID: pk.PacketID, ReasonCodes: codes, ProtocolVersion: pk.ProtocolVersion}
	ack.FixedHeader.Type = packets.Suback
	if err := h.conn.sendPacket(ack); err != nil {
		return err
	}
	h.sendRetained(granted)
	return nil
}

// isNotice reports whether the broker tells the client something on a topic: why it
// refuses something, or how the broker is.
func isNotice(clientID, topicFilter string) bool {
	refused, ok := stream.RefusedTopic(clientID)
	return topicFilter == stream.TopicBroker || ok && topicFilter == refused
}

func (h *handler) isNotice(topicFilter string) bool { return isNotice(h.conn.id, topicFilter) }

// noticesFirst returns the indexes of topic filters, those of notices first: the client
// is told on them why others are refused.
func (h *handler) noticesFirst(topicFilters packets.Subscriptions) []int {
	var notices, others []int
	for i, f := range topicFilters {
		if h.isNotice(f.Filter) {
			notices = append(notices, i)
		} else {
			others = append(others, i)
		}
	}
	return append(notices, others...)
}

// maySubscribe returns why the client may not subscribe to a topic filter, or
// true.
func (h *handler) maySubscribe(topicFilter string, tooMany bool) (refusal, bool) {
	deny := func(kind, reason string, code packets.Code) (refusal, bool) {
		return refusal{kind, topicFilter, reason, code}, false
	}
	if tooMany && !h.isNotice(topicFilter) {
		return deny("topic filters", fmt.Sprintf("a session has at most %d topic filters", h.broker.limits.TopicFilters), packets.ErrQuotaExceeded)
	}
	if err := h.broker.limits.checkTopicFilter(topicFilter); err != nil {
		return deny("topic filter", err.Error(), packets.ErrTopicFilterInvalid)
	}
	if !h.conn.rights().MaySubscribe(topicFilter) {
		return deny(kindRights, "this client may not subscribe to that topic filter", packets.ErrNotAuthorized)
	}
	if share.Is(topicFilter) {
		if reason := h.broker.router.hasRoomFor(h.conn.session, h.conn.rights().Identity, topicFilter, &h.broker.limits); reason != "" {
			return deny("shared subscriptions", reason, packets.ErrQuotaExceeded)
		}
	}
	return refusal{}, true
}

// hasRoomFor reports whether the session stays within its most topic filters. The two
// of notices do not count.
func (h *handler) hasRoomFor(topicFilters packets.Subscriptions) bool {
	all := map[string]struct{}{}
	for _, f := range topicFilters {
		all[f.Filter] = struct{}{}
	}
	s := h.conn.session
	s.mu.Lock()
	for topicFilter := range s.subs {
		all[topicFilter] = struct{}{}
	}
	s.mu.Unlock()
	maps.DeleteFunc(all, func(topicFilter string, _ struct{}) bool { return h.isNotice(topicFilter) })
	return len(all) <= h.broker.limits.TopicFilters
}

// sendRetained has the retained messages of new subscriptions sent, before what
// is sent to the session for other reasons, or beside it.
func (h *handler) sendRetained(granted []newSubscription) {
	s := h.conn.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range granted {
		if sub.sendRetained {
			s.dropWanted(sub.TopicFilter)
			s.wanted = append(s.wanted, &wantedRetained{target: newTarget(s, &sub.Subscription), topicFilter: sub.TopicFilter})
		}
	}
	h.feedRetained()
}

// feedRetained starts the feed of what is wanted. The caller holds the session's mu.
func (h *handler) feedRetained() {
	s, c := h.conn.session, h.conn
	if s.conn != c || len(s.wanted) == 0 || s.retained != nil && s.retained.conn == c {
		return
	}
	f := &retainedFeed{newFeeder(s, c, h.broker.now), &h.broker.retained}
	if !c.setRetainedFeed(f) {
		return
	}
	s.retained = f
	go f.run()
}

// dropWanted removes the subscription to a topic filter from those whose retained
// messages are to be sent. The caller holds s.mu.
func (s *session) dropWanted(topicFilter string) {
	s.wanted = slices.DeleteFunc(s.wanted, func(w *wantedRetained) bool { return w.topicFilter == topicFilter })
}

// nextRetained returns the subscription whose retained messages come next, or nil
// if f must end.
func (s *session) nextRetained(f *retainedFeed) *wantedRetained {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != f.conn || s.ended {
		return nil
	}
	if len(s.wanted) == 0 {
		s.retained = nil
		f.conn.setRetainedFeed(nil)
		return nil
	}
	return s.wanted[0]
}

// retainedAt returns how far the messages of w have been sent.
func (s *session) retainedAt(w *wantedRetained) retained.Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.at
}

// gotRetained notes that all messages of w have been sent.
func (s *session) gotRetained(w *wantedRetained) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = slices.DeleteFunc(s.wanted, func(o *wantedRetained) bool { return o == w })
}

// offerRetained sends what is retained on topic, or skips it. ok is false if there
// is no room now; gone reports that f.conn is no longer the session's connection.
func (s *session) offerRetained(f *retainedFeed, w *wantedRetained, topic string) (ok, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := f.conn
	if s.conn != c || s.ended {
		return false, true
	}
	if !slices.Contains(s.wanted, w) {
		return true, false // it was dropped
	}
	now := f.now().Unix()
	// Read here, under the lock that a live message on the topic needs, what is
	// sent is never older than one that the client has.
	m := f.store.Get(topic)
	if m == nil || m.Expired(now) || !c.shared.mayStillPublish(m) {
		w.at = retained.After(topic)
		return true, false
	}
	d := delivery{v5: c.v5, qos: min(m.QoS, w.qos), retain: true, ids: w.ids}
	if !c.hasRoom() || d.qos > 0 && (len(s.queue) > 0 || s.inflight.full(c.receiveMaximum)) {
		return false, false
	}
	w.at = retained.After(topic)
	s.send(c, m, d, now)
	return true, false
}

// unsubscribe handles an UNSUBSCRIBE.
func (h *handler) unsubscribe(pk *packets.Packet) error {
	codes := make([]byte, len(pk.Filters))
	for i, f := range pk.Filters {
		if !h.conn.session.unsubscribe(&h.broker.router, f.Filter) {
			codes[i] = packets.CodeNoSubscriptionExisted.Code
		}
	}
	if h.conn.session.guarded && !h.subscribes() {
		h.broker.awaited.gone(h.conn.id)
	}
	if h.conn.session.stored {
		h.conn.wroteSeq(h.broker.journal.Save(h.conn.session, h.conn))
	}
	ack := &packets.Packet{PacketID: pk.PacketID, ReasonCodes: codes, ProtocolVersion: pk.ProtocolVersion}
	ack.FixedHeader.Type = packets.Unsuback
	return h.conn.sendPacket(ack)
}

// subscribes reports whether the session has a subscription to more than notices.
func (h *handler) subscribes() bool {
	s := h.conn.session
	s.mu.Lock()
	defer s.mu.Unlock()
	for topicFilter := range s.subs {
		if !h.isNotice(topicFilter) {
			return true
		}
	}
	return false
}
