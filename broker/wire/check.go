package wire

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"github.com/mochi-mqtt/server/v2/packets"
)

func malformed(what string) *Error {
	return &Error{Reason: "malformed packet: " + what, Code: packets.ErrMalformedPacket}
}

func violation(what string) *Error {
	return &Error{Reason: "protocol violation: " + what, Code: packets.ErrProtocolViolation}
}

// check returns what a client may not send, of all packets but CONNECT, or nil.
func check(h *packets.FixedHeader, body []byte, v5 bool) error {
	c := cursor{b: body}
	switch h.Type {
	case packets.Publish:
		c.publish(h, v5)
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp:
		c.packetID()
		if v5 && len(c.b) > 0 {
			c.byte()
			c.optionalProperties(h.Type)
		}
		c.end()
	case packets.Subscribe:
		c.subscribe(v5)
	case packets.Unsubscribe:
		c.packetID()
		if v5 {
			c.properties(packets.Unsubscribe)
		}
		if len(c.b) == 0 {
			c.fail(violation("UNSUBSCRIBE without a topic filter")) // [MQTT-3.10.3-2]
		}
		for len(c.b) > 0 {
			c.text()
		}
	case packets.Pingreq:
		c.end()
	case packets.Disconnect:
		if v5 && len(c.b) > 0 {
			c.byte()
			c.optionalProperties(h.Type)
		}
		c.end()
	case packets.Auth:
		if !v5 {
			return violation("MQTT 3.1.1 has no packet of type 15")
		}
		// No authentication method was agreed on [MQTT-4.12.0-6].
		return violation("AUTH without an authentication method")
	default:
		return violation("a client does not send packets of this type")
	}
	return c.err()
}

// CONNECT flags.
const (
	flagReserved = 1 << iota
	_            // Clean Start
	flagWill
	_ // Will QoS
	_
	flagWillRetain
	flagPassword
	flagUser
)

// checkConnect returns the version of the protocol that a CONNECT speaks, 0 if
// it is unknown, and what it may not say, or nil.
func checkConnect(body []byte) (version byte, err error) {
	c := cursor{b: body}
	name := string(c.text())
	version = c.byte()
	if c.failed != nil {
		name = ""
	}
	if version, err = checkVersion(name, version); err != nil {
		return 0, err
	}
	flags := c.byte()
	c.uint16() // keep alive
	switch willQoS := flags >> 3 & 3; {
	case flags&flagReserved != 0:
		c.fail(malformed("reserved flag")) // [MQTT-3.1.2-3]
	case flags&flagWill == 0 && (willQoS != 0 || flags&flagWillRetain != 0):
		c.fail(malformed("flags of a last will without one")) // [MQTT-3.1.2-11], [-13], [-15]
	case willQoS == 3:
		c.fail(malformed("QoS 3 of the last will")) // [MQTT-3.1.2-12]
	case version < 5 && flags&flagPassword != 0 && flags&flagUser == 0:
		c.fail(malformed("password without a user name")) // [MQTT-3.1.2-22]
	}
	if version == 5 {
		c.properties(packets.Connect)
	}
	c.text() // client ID
	if flags&flagWill != 0 {
		if version == 5 {
			c.properties(packets.WillProperties)
		}
		if len(c.text()) == 0 {
			c.fail(malformed("last will without a topic"))
		}
		c.bytes()
	}
	if flags&flagUser != 0 {
		c.text()
	}
	if flags&flagPassword != 0 {
		c.bytes()
	}
	c.end()
	return version, c.err()
}

// checkVersion returns the version of the protocol of that name, or why there is none.
func checkVersion(name string, version byte) (byte, error) {
	switch {
	case name != "MQTT" && name != "MQIsdp":
		return 0, &Error{Reason: packets.ErrProtocolViolationProtocolName.Reason, Code: packets.ErrProtocolViolation} // [MQTT-3.1.2-1]
	case name == "MQIsdp" && version != 3, name == "MQTT" && version != 4 && version != 5:
		return 0, &Error{Reason: packets.ErrUnsupportedProtocolVersion.Reason, Code: packets.ErrUnsupportedProtocolVersion} // [MQTT-3.1.2-2]
	}
	return version, nil
}

func (c *cursor) publish(h *packets.FixedHeader, v5 bool) {
	c.text()
	if h.Qos > 0 {
		c.packetID()
	}
	if v5 {
		c.properties(packets.Publish)
	}
}

func (c *cursor) subscribe(v5 bool) {
	c.packetID()
	if v5 {
		c.properties(packets.Subscribe)
	}
	if len(c.b) == 0 {
		c.fail(violation("SUBSCRIBE without a topic filter")) // [MQTT-3.8.3-2]
	}
	for len(c.b) > 0 {
		topicFilter := c.text()
		options := c.byte()
		switch {
		case options&3 == 3, v5 && options>>6 != 0, !v5 && options>>2 != 0:
			c.fail(malformed("subscription options")) // [MQTT-3.8.3-4], 5: [-5]
		case v5 && options>>4&3 == 3:
			c.fail(violation("retain handling 3"))
		case v5 && options&4 != 0 && bytes.HasPrefix(topicFilter, []byte("$share/")):
			c.fail(violation("No Local on a shared subscription")) // 5: [MQTT-3.8.3-4]
		}
	}
}

// A cursor reads the fields of a packet. The first that is wrong stays in failed,
// and nothing more is read.
type cursor struct {
	b      []byte
	failed *Error
}

func (c *cursor) err() error {
	if c.failed == nil {
		return nil
	}
	return c.failed
}

func (c *cursor) fail(e *Error) {
	if c.failed == nil {
		c.failed = e
	}
	c.b = nil
}

// take returns the next n bytes.
func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.fail(malformed("it is too short"))
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) byte() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if v := c.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// varint reads a variable byte integer of at most four bytes.
func (c *cursor) varint() int {
	v := 0
	for n := 0; n < maxLength; n++ {
		b := c.byte()
		v |= int(b&0x7f) << (7 * n)
		if b&0x80 == 0 {
			return v
		}
	}
	c.fail(malformed("an integer of more than four bytes"))
	return 0
}

func (c *cursor) bytes() []byte { return c.take(int(c.uint16())) }

// text reads a string, which is UTF-8 without NUL [MQTT-1.5.4-1], [-2].
func (c *cursor) text() []byte {
	s := c.bytes()
	if !utf8.Valid(s) || bytes.IndexByte(s, 0) >= 0 {
		c.fail(malformed("a text is not UTF-8, or has a NUL"))
	}
	return s
}

func (c *cursor) packetID() {
	if c.uint16() == 0 {
		c.fail(violation("packet ID 0")) // [MQTT-2.2.1-3]
	}
}

// end wants nothing more to come.
func (c *cursor) end() {
	if len(c.b) > 0 {
		c.fail(malformed("it is too long"))
	}
}
