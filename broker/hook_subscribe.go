package broker

import (
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// A newSubscription waits for the SUBACK to be written; retained messages follow.
type newSubscription struct {
	journal.Subscription
	sendRetained bool // retained messages are asked for
}

// OnSubscribe is called before mochi checks the rights to each topic filter.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	c.tooManyTopicFilters = !c.session.hasRoomFor(pk.Filters)
	for i := range pk.Filters {
		// Granted [MQTT-3.9.3]: we send at QoS 1 at most.
		pk.Filters[i].Qos = min(pk.Filters[i].Qos, 1)
	}
	return pk
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

// OnSubscribed is called before the SUBACK, which waits until the session's row is
// on disk.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	c := connOf(cl)
	since := h.broker.journal.LastSeq()
	c.subscribed = c.subscribed[:0]
	for i, f := range pk.Filters {
		if codes[i] > packets.CodeGrantedQos2.Code {
			continue
		}
		// mochi has just added it to a tree of its own (server.go:1290), from
		// which it takes it only when a session ends with its connection.
		h.broker.server.Topics.Unsubscribe(f.Filter, cl.ID)
		cl.State.Subscriptions.Delete(f.Filter)
		sub := journal.Subscription{
			TopicFilter: f.Filter, QoS: f.Qos, NoLocal: f.NoLocal,
			RetainAsPublished: f.RetainAsPublished, Identifier: f.Identifier, Since: since,
		}
		isNew := c.session.subscribe(&h.broker.router, sub)
		wanted := f.RetainHandling == 0 || f.RetainHandling == 1 && isNew // [MQTT-3.3.1-9] to [-11]
		c.subscribed = append(c.subscribed, newSubscription{sub, wanted})
	}
	if c.session.outlivesConn() && len(c.subscribed) > 0 {
		c.wroteSeq(h.broker.journal.Save(c.session, c))
	}
}

// outlivesConn is persistent for callers that do not hold s.mu.
func (s *session) outlivesConn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.persistent()
}

// OnPacketProcessed is called when mochi has written its answer.
func (h *hook) OnPacketProcessed(cl *mqtt.Client, pk packets.Packet, err error) {
	if pk.FixedHeader.Type != packets.Subscribe || err != nil {
		return
	}
	c := connOf(cl)
	now := h.broker.now().Unix()
	for _, sub := range c.subscribed {
		if !sub.sendRetained {
			continue
		}
		t := newTarget(c.session, &sub.Subscription)
		for _, m := range h.broker.retained.match(sub.TopicFilter) {
			c.session.sendRetained(m, &t, now)
		}
	}
	c.subscribed = c.subscribed[:0]
}

// OnUnsubscribe is called before the UNSUBACK, and leaves the codes for it.
func (h *hook) OnUnsubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := connOf(cl)
	c.unsubscribed = make([]byte, 0, len(pk.Filters))
	for _, f := range pk.Filters {
		code := packets.CodeSuccess.Code
		if !c.session.unsubscribe(&h.broker.router, f.Filter) {
			code = packets.CodeNoSubscriptionExisted.Code
		}
		c.unsubscribed = append(c.unsubscribed, code)
	}
	if c.session.outlivesConn() {
		c.wroteSeq(h.broker.journal.Save(c.session, c))
	}
	return pk
}
