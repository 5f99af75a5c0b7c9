package broker

import (
	"bytes"
	"encoding/binary"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// newMessage returns the message of a PUBLISH that was received at now (Unix
// seconds).
func newMessage(pk *packets.Packet, origin string, now int64) *journal.Message {
	m := &journal.Message{
		Topic: pk.TopicName, Payload: pk.Payload, Origin: origin,
		QoS: pk.FixedHeader.Qos, Retain: pk.FixedHeader.Retain,
	}
	if pk.ProtocolVersion == 5 {
		if e := pk.Properties.MessageExpiryInterval; e > 0 {
			m.Expiry = now + int64(e)
		}
		m.Props = encodeProperties(&pk.Properties)
	}
	return m
}

// encodeProperties returns the properties that must be forwarded unaltered
// ([MQTT-3.3.2-4], [-15] to [-20]).
func encodeProperties(p *packets.Properties) []byte {
	if !p.PayloadFormatFlag && p.ContentType == "" && p.ResponseTopic == "" && len(p.CorrelationData) == 0 && len(p.User) == 0 {
		return nil
	}
	forwarded := packets.Properties{
		PayloadFormat: p.PayloadFormat, PayloadFormatFlag: p.PayloadFormatFlag,
		ContentType: p.ContentType, ResponseTopic: p.ResponseTopic,
		CorrelationData: p.CorrelationData, User: p.User,
	}
	var b bytes.Buffer
	forwarded.Encode(packets.Publish, packets.Mods{AllowResponseInfo: true}, &b, 0)
	_, n := binary.Uvarint(b.Bytes()) // their length, in the encoding of MQTT
	if n <= 0 {
		return nil
	}
	return b.Bytes()[n:]
}

// A delivery is how a message is sent to one client.
type delivery struct {
	v5     bool
	qos    byte
	retain bool
	dup    bool
	id     uint16 // with QoS 1 and 2
	ids    []int  // subscription identifiers, MQTT 5
}

// appendPublish appends m as a PUBLISH packet. now is in Unix seconds.
func (d *delivery) appendPublish(b []byte, m *journal.Message, now int64) []byte {
	head := packets.Publish << 4
	if d.dup {
		head |= 1 << 3
	}
	head |= d.qos << 1
	if d.retain {
		head |= 1
	}
	rest, props := d.remaining(m)
	b = append(b, head)
	b = binary.AppendUvarint(b, uint64(rest))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Topic)))
	b = append(b, m.Topic...)
	if d.qos > 0 {
		b = binary.BigEndian.AppendUint16(b, d.id)
	}
	if d.v5 {
		b = binary.AppendUvarint(b, uint64(props))
		if m.Expiry > 0 {
			b = append(b, packets.PropMessageExpiryInterval)
			b = binary.BigEndian.AppendUint32(b, uint32(max(m.Expiry-now, 1)))
		}
		for _, id := range d.ids {
			b = append(b, packets.PropSubscriptionIdentifier)
			b = binary.AppendUvarint(b, uint64(id))
		}
		b = append(b, m.Props...)
	}
	return append(b, m.Payload...)
}

// remaining returns the packet's remaining length and, of that, the length of
// the properties' content.
func (d *delivery) remaining(m *journal.Message) (rest, props int) {
	rest = 2 + len(m.Topic) + len(m.Payload)
	if d.qos > 0 {
		rest += 2
	}
	if !d.v5 {
		return rest, 0
	}
	props = len(m.Props)
	if m.Expiry > 0 {
		props += 5
	}
	for _, id := range d.ids {
		props += 1 + uvarintLen(id)
	}
	return rest + uvarintLen(props) + props, props
}

// packetLen returns the length of the whole packet.
func (d *delivery) packetLen(m *journal.Message) int {
	rest, _ := d.remaining(m)
	return 1 + uvarintLen(rest) + rest
}

func uvarintLen(n int) int {
	l := 1
	for n >= 0x80 {
		n >>= 7
		l++
	}
	return l
}
