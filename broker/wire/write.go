package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/mochi-mqtt/server/v2/packets"
)

// AppendAck appends a PUBACK, PUBREC, PUBREL or PUBCOMP.
func AppendAck(b []byte, kind byte, id uint16) []byte {
	return binary.BigEndian.AppendUint16(append(b, ackHead(kind), 2), id)
}

// AppendAckCode appends one of MQTT 5 that has a code and a Reason String, unless
// that would make it longer than limit bytes (0: none) or its length two.
func AppendAckCode(b []byte, kind byte, id uint16, code byte, reason string, limit int) []byte {
	b = binary.BigEndian.AppendUint16(append(b, ackHead(kind), 3), id)
	return appendReason(append(b, code), len(b)-3, reason, limit)
}

func ackHead(kind byte) byte {
	if kind == packets.Pubrel {
		return kind<<4 | 2 // [MQTT-3.6.1-1]
	}
	return kind << 4
}

// AppendDisconnect appends a DISCONNECT of MQTT 5 that has a code and a Reason
// String, unless that would make it longer than limit bytes (0: none) or its
// length two.
func AppendDisconnect(b []byte, code byte, reason string, limit int) []byte {
	return appendReason(append(b, packets.Disconnect<<4, 1, code), len(b)+1, reason, limit)
}

// appendReason appends a Reason String as the only property of the packet that
// ends b, and adds to its length, which is one byte at b[at].
func appendReason(b []byte, at int, reason string, limit int) []byte {
	n := len(reason) + 3
	length := int(b[at]) + 1 + n
	if n == 3 || length >= 0x80 || limit > 0 && length+2 > limit {
		return b
	}
	b[at] = byte(length)
	b = append(b, byte(n), packets.PropReasonString)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(reason))), reason...)
}

// Encode returns a CONNACK, SUBACK or UNSUBACK.
func Encode(pk *packets.Packet) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackEncode(&b)
	case packets.Suback:
		err = pk.SubackEncode(&b)
	case packets.Unsuback:
		err = pk.UnsubackEncode(&b)
	default:
		err = fmt.Errorf("a broker does not send packets of type %d", pk.FixedHeader.Type)
	}
	return b.Bytes(), err
}
