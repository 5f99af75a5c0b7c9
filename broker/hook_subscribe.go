package broker

import (
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// A newSubscription waits for its retained messages until the SUBACK is written.
type newSubscription struct {
	journal.Subscription
	wanted bool // retained messages are
}

// OnSubscribe sees a SUBSCRIBE before mochi asks for the rights to each filter.
func (h *hook) OnSubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := of(cl)
	c.tooManyFilters = !c.session.mayAdd(pk.Filters)
	for i := range pk.Filters {
		// Granted [MQTT-3.9.3]: what we send is at QoS 1 at most.
		pk.Filters[i].Qos = min(pk.Filters[i].Qos, 1)
	}
	return pk
}

// mayAdd tells whether the session stays within its number of filters.
func (s *session) mayAdd(filters packets.Subscriptions) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[string]struct{}{}
	for _, f := range filters {
		if _, ok := s.subs[f.Filter]; !ok {
			fresh[f.Filter] = struct{}{}
		}
	}
	return len(s.subs)+len(fresh) <= maxFilters
}

// OnSubscribed comes before the SUBACK, which so waits for the session's row.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	c := of(cl)
	since := h.journal.Newest()
	c.subscribed = c.subscribed[:0]
	for i, f := range pk.Filters {
		if codes[i] > packets.CodeGrantedQos2.Code {
			continue
		}
		sub := journal.Subscription{
			Filter: f.Filter, QoS: f.Qos, NoLocal: f.NoLocal,
			RetainAsPublished: f.RetainAsPublished, Identifier: f.Identifier, Since: since,
		}
		isNew := c.session.subscribe(&h.router, sub)
		wanted := f.RetainHandling == 0 || f.RetainHandling == 1 && isNew // [MQTT-3.3.1-9] to [-11]
		c.subscribed = append(c.subscribed, newSubscription{sub, wanted})
	}
	if c.session.keeps() && len(c.subscribed) > 0 {
		c.caused(h.journal.Save(c.session, c))
	}
}

// keeps tells whether the session outlives its connection.
func (s *session) keeps() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.persistent()
}

// OnPacketProcessed comes when mochi has written its answer.
func (h *hook) OnPacketProcessed(cl *mqtt.Client, pk packets.Packet, err error) {
	if pk.FixedHeader.Type != packets.Subscribe || err != nil {
		return
	}
	c := of(cl)
	now := h.now().Unix()
	for _, sub := range c.subscribed {
		if !sub.wanted {
			continue
		}
		var ids []int
		if sub.Identifier > 0 {
			ids = []int{sub.Identifier}
		}
		for _, m := range h.retained.match(sub.Filter) {
			c.session.retained(m, sub.QoS, ids, now)
		}
	}
	c.subscribed = c.subscribed[:0]
}

// OnUnsubscribe comes before the UNSUBACK, for which it leaves the codes.
func (h *hook) OnUnsubscribe(cl *mqtt.Client, pk packets.Packet) packets.Packet {
	c := of(cl)
	c.unsubscribed = make([]byte, 0, len(pk.Filters))
	for _, f := range pk.Filters {
		code := packets.CodeSuccess.Code
		if !c.session.unsubscribe(&h.router, f.Filter) {
			code = packets.CodeNoSubscriptionExisted.Code
		}
		c.unsubscribed = append(c.unsubscribed, code)
	}
	if c.session.keeps() {
		c.caused(h.journal.Save(c.session, c))
	}
	return pk
}
