package broker

import (
	"errors"
	"fmt"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/rights"
)

// A newSubscription is one that the SUBACK grants; retained messages follow.
type newSubscription struct {
	journal.Subscription
	sendRetained bool // retained messages are asked for
}

// subscribe handles a SUBSCRIBE. The SUBACK waits until the session's row is on
// disk.
func (h *handler) subscribe(pk *packets.Packet) error {
	tooMany := !h.conn.session.hasRoomFor(pk.Filters)
	since := h.broker.journal.LastSeq()
	codes := make([]byte, len(pk.Filters))
	granted := make([]newSubscription, 0, len(pk.Filters))
	for i, f := range pk.Filters {
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
		granted = append(granted, newSubscription{sub, wanted})
	}
	if h.conn.session.outlivesConn() && len(granted) > 0 {
		h.conn.wroteSeq(h.broker.journal.Save(h.conn.session, h.conn))
	}
	ack := &packets.Packet{PacketID: pk.PacketID, ReasonCodes: codes, ProtocolVersion: pk.ProtocolVersion}
	ack.FixedHeader.Type = packets.Suback
	if err := h.conn.sendPacket(ack); err != nil {
		return err
	}
	h.sendRetained(granted)
	return nil
}

// maySubscribe returns why the client may not subscribe to a topic filter, or
// true.
func (h *handler) maySubscribe(topicFilter string, tooMany bool) (refusal, bool) {
	kind, code, err := kindRights, packets.ErrNotAuthorized, error(nil)
	switch {
	case tooMany:
		kind, code = "topic filters", packets.ErrQuotaExceeded
		err = fmt.Errorf("a session has at most %d topic filters", maxTopicFilters)
	case checkTopicFilter(topicFilter) != nil:
		kind, code, err = "topic filter", packets.ErrTopicFilterInvalid, checkTopicFilter(topicFilter)
	case rights.IsShared(topicFilter):
		code, err = packets.ErrSharedSubscriptionsNotSupported, errors.New("the broker has no shared subscriptions")
	case !h.conn.rights().MaySubscribe(topicFilter):
		err = errors.New("this client may not subscribe to that topic filter")
	}
	if err != nil {
		return refusal{kind, topicFilter, err.Error(), code}, false
	}
	return refusal{}, true
}

// hasRoomFor reports whether the session stays within maxTopicFilters.
func (s *session) hasRoomFor(topicFilters packets.Subscriptions) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[string]struct{}{}
	for _, f := range topicFilters {
		if _, ok := s.subs[f.Filter]; !ok {
			fresh[f.Filter] = struct{}{}
		}
	}
	return len(s.subs)+len(fresh) <= maxTopicFilters
}

// outlivesConn is persistent for callers that do not hold s.mu.
func (s *session) outlivesConn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.persistent()
}

// sendRetained sends the retained messages of new subscriptions.
func (h *handler) sendRetained(granted []newSubscription) {
	now := h.broker.now().Unix()
	for _, sub := range granted {
		if !sub.sendRetained {
			continue
		}
		t := newTarget(h.conn.session, &sub.Subscription)
		for _, m := range h.broker.retained.match(sub.TopicFilter) {
			h.conn.session.sendRetained(m, &t, now)
		}
	}
}

// unsubscribe handles an UNSUBSCRIBE.
func (h *handler) unsubscribe(pk *packets.Packet) error {
	codes := make([]byte, len(pk.Filters))
	for i, f := range pk.Filters {
		if !h.conn.session.unsubscribe(&h.broker.router, f.Filter) {
			codes[i] = packets.CodeNoSubscriptionExisted.Code
		}
	}
	if h.conn.session.outlivesConn() {
		h.conn.wroteSeq(h.broker.journal.Save(h.conn.session, h.conn))
	}
	ack := &packets.Packet{PacketID: pk.PacketID, ReasonCodes: codes, ProtocolVersion: pk.ProtocolVersion}
	ack.FixedHeader.Type = packets.Unsuback
	return h.conn.sendPacket(ack)
}
