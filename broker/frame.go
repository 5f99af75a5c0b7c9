package broker

import (
	"fmt"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/stream"
)

// Limits on what a client may send. mochi allocates what a packet's header
// announces and reads a length of any number of bytes, so it must not see more.
const (
	maxPacket  = stream.MaxPacket
	maxConnect = 16 << 10
	maxLength  = 4 // bytes of a remaining length (MQTT 3.1.1, 2.2.3)
)

var (
	errFirstConnect  = &frameError{"its first packet is not CONNECT", packets.ErrProtocolViolation}
	errSecondConnect = &frameError{"it sent a second CONNECT", packets.ErrProtocolViolation}
	errLength        = &frameError{"a packet's length has more than four bytes", packets.ErrMalformedPacket}
	errPacketSize    = &frameError{fmt.Sprintf("a packet has more than %d bytes", maxPacket), packets.ErrPacketTooLarge}
)

// A frameError is a frame that must not reach mochi.
type frameError struct {
	reason string
	code   packets.Code // for MQTT 5
}

func (e *frameError) Error() string { return e.reason }

// A frameValidator follows the frames of the packets that a client sends, and
// refuses what must not reach mochi. It looks at headers only.
type frameValidator struct {
	connected   bool // all of the CONNECT has been read
	state       frameState
	kind        byte
	length      int // of the rest of the packet
	lengthBytes int // read of the length
}

type frameState byte

const (
	atHeader frameState = iota
	atLength
	atBody
)

// validate checks the next bytes.
func (g *frameValidator) validate(b []byte) error {
	for len(b) > 0 {
		switch g.state {
		case atHeader:
			g.kind = b[0] >> 4
			switch {
			case !g.connected && g.kind != packets.Connect:
				return errFirstConnect
			case g.connected && g.kind == packets.Connect:
				return errSecondConnect
			}
			g.state, g.length, g.lengthBytes = atLength, 0, 0
			b = b[1:]
		case atLength:
			g.length |= int(b[0]&0x7f) << (7 * g.lengthBytes)
			g.lengthBytes++
			last := b[0]&0x80 == 0
			b = b[1:]
			if !last {
				if g.lengthBytes == maxLength {
					return errLength
				}
				continue
			}
			if g.length > maxPacket || (!g.connected && g.length > maxConnect) {
				return errPacketSize
			}
			g.state = atBody
			g.endPacket()
		case atBody:
			n := min(g.length, len(b))
			g.length -= n
			b = b[n:]
			g.endPacket()
		}
	}
	return nil
}

// endPacket goes on to the next packet if this one is complete.
func (g *frameValidator) endPacket() {
	if g.length > 0 {
		return
	}
	g.state = atHeader
	g.connected = true
}
