package broker

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// A client speaks raw MQTT, so that a test can say what no library would.
type client struct {
	t       testing.TB
	c       net.Conn
	r       *bufio.Reader
	v5      bool
	id      uint16
	pending []packet // read while waiting for another kind
}

// A packet is one as it came.
type packet struct {
	head byte
	body []byte
}

func (p packet) kind() byte { return p.head >> 4 }

// testTimeout ends a test that hangs; it is no measure of what is waited for.
const testTimeout = time.Minute

func dial(t testing.TB, addr net.Addr) *client {
	t.Helper()
	c, err := net.DialTimeout(addr.Network(), addr.String(), testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t: t, c: c, r: bufio.NewReader(c)}
}

// A hello is what a CONNECT says. The zero one is MQTT 3.1.1 with a clean session.
type hello struct {
	id             string
	keep           bool // a session that outlives the connection
	v5             bool
	keepalive      uint16
	willTopic      string
	willRetain     bool
	willQoS        byte
	willDelay      uint32 // MQTT 5, seconds
	user, password string
	receiveMaximum uint16
	resume         bool // MQTT 5: clean start 0
}

func b64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func frame(head byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...)
}

func (h hello) packet() []byte {
	b := str(nil, "MQTT")
	version := byte(4)
	if h.v5 {
		version = 5
	}
	flags := byte(0)
	if (!h.v5 && !h.keep) || (h.v5 && !h.resume) {
		flags |= 2
	}
	if h.willTopic != "" {
		flags |= 4 | h.willQoS<<3
		if h.willRetain {
			flags |= 32
		}
	}
	if h.user != "" {
		flags |= 128 | 64
	}
	b = append(b, version, flags)
	b = binary.BigEndian.AppendUint16(b, h.keepalive)
	if h.v5 {
		var props []byte
		if h.keep {
			props = binary.BigEndian.AppendUint32(append(props, 0x11), 3600)
		}
		if h.receiveMaximum > 0 {
			props = binary.BigEndian.AppendUint16(append(props, 0x21), h.receiveMaximum)
		}
		b = append(binary.AppendUvarint(b, uint64(len(props))), props...)
	}
	b = str(b, h.id)
	if h.willTopic != "" {
		if h.v5 && h.willDelay > 0 {
			b = binary.BigEndian.AppendUint32(append(b, 5, 0x18), h.willDelay)
		} else if h.v5 {
			b = append(b, 0)
		}
		b = str(str(b, h.willTopic), "will of "+h.id)
	}
	if h.user != "" {
		b = str(str(b, h.user), h.password)
	}
	return frame(packets.Connect<<4, b)
}

// connect dials and returns when the client is let in.
func connect(t testing.TB, addr net.Addr, h hello) *client {
	t.Helper()
	c, code, _ := tryConnect(t, addr, h)
	if code != 0 {
		t.Fatalf("client %q is refused with code %#x", h.id, code)
	}
	return c
}

// refused connects and wants to be turned away with one of the codes.
func refused(t testing.TB, addr net.Addr, h hello, codes ...byte) {
	t.Helper()
	c, code, _ := tryConnect(t, addr, h)
	if !bytes.Contains(codes, []byte{code}) {
		t.Fatalf("CONNECT of %+v is answered with %#x, want one of %#x", h, code, codes)
	}
	c.closed()
}

// tryConnect returns the CONNACK's code, 0xff if there came none.
func tryConnect(t testing.TB, addr net.Addr, h hello) (c *client, code byte, present bool) {
	t.Helper()
	c = dial(t, addr)
	c.v5 = h.v5
	c.send(h.packet())
	p, err := c.read(testTimeout)
	if err != nil || p.kind() != packets.Connack {
		return c, 0xff, false
	}
	return c, p.body[1], p.body[0]&1 == 1
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if err := c.trySend(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) trySend(b []byte) error {
	c.c.SetWriteDeadline(time.Now().Add(testTimeout))
	_, err := c.c.Write(b)
	return err
}

// read returns the next packet, first those that were put aside.
func (c *client) read(wait time.Duration) (packet, error) {
	if len(c.pending) > 0 {
		p := c.pending[0]
		c.pending = c.pending[1:]
		return p, nil
	}
	return c.readNew(wait)
}

func (c *client) readNew(wait time.Duration) (packet, error) {
	c.c.SetReadDeadline(time.Now().Add(wait))
	head, err := c.r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		return packet{}, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(c.r, body)
	return packet{head, body}, err
}

// expect returns the next packet of a kind and puts others aside.
func (c *client) expect(kind byte) packet {
	c.t.Helper()
	for i, p := range c.pending {
		if p.kind() == kind {
			c.pending = append(c.pending[:i:i], c.pending[i+1:]...)
			return p
		}
	}
	for {
		p, err := c.readNew(testTimeout)
		if err != nil {
			c.t.Fatalf("waiting for %s: %v", packets.PacketNames[kind], err)
		}
		if p.kind() == kind {
			return p
		}
		c.pending = append(c.pending, p)
	}
}

func (c *client) nextID() uint16 {
	c.id++
	return c.id
}

func (c *client) publishPacket(topic, payload string, qos byte, retain bool, id uint16) []byte {
	b := str(nil, topic)
	if qos > 0 {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	if c.v5 {
		b = append(b, 0)
	}
	head := packets.Publish<<4 | qos<<1
	if retain {
		head |= 1
	}
	return frame(head, append(b, payload...))
}

// publish sends a message and, at QoS 1, waits for its PUBACK.
func (c *client) publish(topic, payload string, qos byte, retain bool) {
	c.t.Helper()
	id := c.nextID()
	c.send(c.publishPacket(topic, payload, qos, retain, id))
	if qos == 1 {
		if got := binary.BigEndian.Uint16(c.expect(packets.Puback).body); got != id {
			c.t.Fatalf("PUBACK for %d, want %d", got, id)
		}
	}
}

func (c *client) subscribePacket(id uint16, qos byte, topicFilters ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	if c.v5 {
		b = append(b, 0)
	}
	for _, f := range topicFilters {
		b = append(str(b, f), qos)
	}
	return frame(packets.Subscribe<<4|2, b)
}

// subscribe returns the SUBACK's codes.
func (c *client) subscribe(qos byte, topicFilters ...string) []byte {
	c.t.Helper()
	c.send(c.subscribePacket(c.nextID(), qos, topicFilters...))
	body := c.expect(packets.Suback).body
	if c.v5 {
		return body[3:]
	}
	return body[2:]
}

// A got is a PUBLISH that came.
type got struct {
	topic, payload string
	qos            byte
	retain, dup    bool
	id             uint16
	props          []byte
}

func (c *client) parse(p packet) got {
	n := int(binary.BigEndian.Uint16(p.body))
	g := got{
		topic: string(p.body[2 : 2+n]), qos: p.head >> 1 & 3,
		retain: p.head&1 == 1, dup: p.head&8 == 8,
	}
	rest := p.body[2+n:]
	if g.qos > 0 {
		g.id, rest = binary.BigEndian.Uint16(rest), rest[2:]
	}
	if c.v5 {
		l, w := binary.Uvarint(rest)
		g.props, rest = rest[w:w+int(l)], rest[w+int(l):]
	}
	g.payload = string(rest)
	return g
}

// message returns the next PUBLISH, without acknowledging it.
func (c *client) message() got {
	c.t.Helper()
	return c.parse(c.expect(packets.Publish))
}

// take returns the next PUBLISH and acknowledges it.
func (c *client) take() got {
	c.t.Helper()
	g := c.message()
	switch g.qos {
	case 1:
		c.ack(g.id)
	case 2:
		c.send(ackPacket(packets.Pubrec, g.id))
		for id := uint16(0); id != g.id; { // of another: its PUBCOMP was lost
			id = binary.BigEndian.Uint16(c.expect(packets.Pubrel).body)
			c.send(ackPacket(packets.Pubcomp, id))
		}
	}
	return g
}

func (c *client) ack(id uint16) {
	c.t.Helper()
	c.send(ackPacket(packets.Puback, id))
}

// silent fails if a PUBLISH comes before the answer to a PINGREQ.
func (c *client) silent() {
	c.t.Helper()
	c.send([]byte{packets.Pingreq << 4, 0})
	c.expect(packets.Pingresp)
	for _, p := range c.pending {
		if p.kind() == packets.Publish {
			c.t.Fatalf("got %+v, want nothing", c.parse(p))
		}
	}
}

// closed fails unless the broker closes the connection soon; packets that
// come before that are put aside.
func (c *client) closed() {
	c.t.Helper()
	if err := c.untilClosed(testTimeout); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) untilClosed(wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		p, err := c.readNew(time.Until(deadline))
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return fmt.Errorf("the connection is still open after %v", wait)
		}
		if err != nil {
			return nil //nolint:nilerr // it is closed
		}
		c.pending = append(c.pending, p)
	}
}

func (c *client) disconnect() {
	c.t.Helper()
	c.send([]byte{packets.Disconnect << 4, 0})
	c.closed()
}
