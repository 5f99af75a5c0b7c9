package broker

import (
	"errors"

	"github.com/mochi-mqtt/server/v2/packets"
)

// What a client may send. mochi allocates what a packet's header announces,
// and reads a length of any number of bytes; so it never sees more than this.
const (
	maxPacket  = 256 << 10
	maxConnect = 16 << 10
	maxLength  = 4 // bytes of a remaining length (MQTT 3.1.1, 2.2.3)
)

var (
	errFirstConnect  = errors.New("its first packet is not CONNECT")
	errSecondConnect = errors.New("it sent a second CONNECT")
	errLength        = errors.New("a packet's length has more than four bytes")
	errPacketSize    = errors.New("a packet is larger than allowed")
)

// A guard follows the packets' frames in what a client sends, and refuses
// what must not reach the library. It looks at headers only.
type guard struct {
	connected bool // CONNECT has been read whole
	state     guardState
	kind      byte
	length    int // of what remains of the packet
	digits    int // bytes of the length so far
}

type guardState byte

const (
	atHeader guardState = iota
	atLength
	atBody
)

// pass takes the next bytes.
func (g *guard) pass(b []byte) error {
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
			g.state, g.length, g.digits = atLength, 0, 0
			b = b[1:]
		case atLength:
			g.length |= int(b[0]&0x7f) << (7 * g.digits)
			g.digits++
			last := b[0]&0x80 == 0
			b = b[1:]
			if !last {
				if g.digits == maxLength {
					return errLength
				}
				continue
			}
			if g.length > maxPacket || (!g.connected && g.length > maxConnect) {
				return errPacketSize
			}
			g.state = atBody
			g.end()
		case atBody:
			n := min(g.length, len(b))
			g.length -= n
			b = b[n:]
			g.end()
		}
	}
	return nil
}

// end goes on to the next packet if this one is whole.
func (g *guard) end() {
	if g.length > 0 {
		return
	}
	g.state = atHeader
	g.connected = true
}
