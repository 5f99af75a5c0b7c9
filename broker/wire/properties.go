package wire

import (
	"bytes"
	"fmt"

	"github.com/mochi-mqtt/server/v2/packets"
)

// optionalProperties checks the properties of a packet that may end before them.
func (c *cursor) optionalProperties(kind byte) {
	if len(c.b) > 0 {
		c.properties(kind)
	}
}

// properties checks the properties of a packet of MQTT 5. The codec knows which
// property belongs to which packet; it does not see one that comes twice, what
// is beyond their length, and values that the standard forbids (5, 2.2.2).
func (c *cursor) properties(kind byte) {
	p := cursor{b: c.take(c.varint())}
	var seen uint64
	for len(p.b) > 0 && p.failed == nil {
		key := p.varint()
		if key > maxProperty {
			p.fail(malformed("unknown property"))
			break
		}
		once := byte(key) != packets.PropUser
		if once && seen&(1<<key) != 0 {
			p.fail(violation(fmt.Sprintf("property %d comes twice", key)))
			break
		}
		seen |= 1 << key
		p.property(kind, byte(key))
	}
	if p.failed == nil && kind == packets.Connect &&
		seen&(1<<packets.PropAuthenticationData) != 0 && seen&(1<<packets.PropAuthenticationMethod) == 0 {
		p.fail(violation("authentication data without a method"))
	}
	if p.failed != nil {
		c.fail(p.failed)
	}
}

// maxProperty is the largest key of a property.
const maxProperty = int(packets.PropSharedSubAvailable)

// property checks the value of one property.
func (c *cursor) property(kind, key byte) {
	switch key {
	case packets.PropPayloadFormat, packets.PropRequestProblemInfo, packets.PropRequestResponseInfo:
		if c.byte() > 1 {
			c.fail(violation(fmt.Sprintf("property %d is neither 0 nor 1", key)))
		}
	case packets.PropMessageExpiryInterval, packets.PropSessionExpiryInterval, packets.PropWillDelayInterval:
		c.uint32()
	case packets.PropMaximumPacketSize:
		if c.uint32() == 0 {
			c.fail(violation("Maximum Packet Size is 0"))
		}
	case packets.PropReceiveMaximum:
		if c.uint16() == 0 {
			c.fail(violation("Receive Maximum is 0"))
		}
	case packets.PropTopicAliasMaximum:
		c.uint16()
	case packets.PropTopicAlias:
		if c.uint16() == 0 {
			c.fail(&Error{Reason: packets.ErrTopicAliasInvalid.Reason, Code: packets.ErrTopicAliasInvalid}) // [MQTT-3.3.2-8]
		}
	case packets.PropSubscriptionIdentifier:
		if c.varint() == 0 {
			c.fail(violation("Subscription Identifier is 0"))
		}
		if kind == packets.Publish {
			c.fail(violation("a client publishes with a Subscription Identifier")) // [MQTT-3.3.4-6]
		}
	case packets.PropContentType, packets.PropAuthenticationMethod, packets.PropReasonString:
		c.text()
	case packets.PropResponseTopic:
		if bytes.ContainsAny(c.text(), "+#") {
			c.fail(violation("Response Topic has a wildcard")) // [MQTT-3.3.2-14]
		}
	case packets.PropCorrelationData, packets.PropAuthenticationData:
		c.bytes()
	case packets.PropUser:
		c.text()
		c.text()
	default: // unknown, or of a broker
		c.fail(violation(fmt.Sprintf("property %d", key)))
	}
}
