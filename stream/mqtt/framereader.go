package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream"
)

// A frameReader stands between paho and the network. It looks at each packet's
// header before paho does, because paho believes it: a declared length is
// allocated (eclipse-paho/paho.mqtt.golang#754), an unknown return code in
// CONNACK leaves a client that waits for ever, and a SUBACK with more codes
// than topics were asked for ends the process.
//
// It also keeps the connection alive. paho does not see a PINGRESP while its
// handler waits, and would cut itself off for that; the frameReader sends its own
// PINGREQs and expects answers only while there is a reader.
type frameReader struct {
	net.Conn
	in      *bufio.Reader
	max     int          // bytes of one packet
	filters atomic.Int32 // so many are in the SUBSCRIBE that waits for its answer
	// answered reports whether the header of a SUBACK was seen. Of a broker that
	// closes the connection right after it, paho may drop it.
	answered atomic.Bool
	// notice gets what a broker says to its clients, before paho reads what
	// follows: of a broker that closes the connection, paho may drop the rest.
	notice  func(topic string, payload []byte)
	noticed []byte // of the packet that is being read, if it may be a notice
	// direct gets the messages at QoS 0, which paho then does not see: it would pass
	// each through three goroutines. nil: paho reads them.
	direct func(topic string, payload []byte, retained bool)
	topic  string // of the message before, for direct: most topics come again at once

	head     [5]byte // of the packet that is being read
	headLen  int
	headRead int
	length   int   // bytes of its body
	left     int   // bytes of its body not read yet
	bad      error // final
	greeted  bool  // CONNACK's header was seen; only the reader uses it

	arrived time.Time // when a read last returned; only the reader uses it
	busy    bool      // reads follow each other at once: the next one waits a little

	keepAlive time.Duration // 0: none
	up        atomic.Bool   // CONNACK has been read whole: the deadlines are set here
	ping      *time.Timer
	watch     *answerWatch
}

// errMalformed is the error of bytes that no MQTT broker sends.
var errMalformed = errors.New("malformed packet")

type malformed struct{ what string }

func (m *malformed) Error() string        { return "malformed packet: " + m.what }
func (m *malformed) Is(target error) bool { return target == errMalformed }

func malformedCause(err error) string {
	var m *malformed
	if errors.As(err, &m) {
		return "it sent " + m.what
	}
	return err.Error()
}

// writeTimeout is how long a peer may take no bytes before it counts as gone.
const writeTimeout = 10 * time.Second

// newFrameReader wraps conn. bufferSize is of its read buffer, in bytes: paho asks
// the connection for single bytes.
func newFrameReader(conn net.Conn, maxPacket, filters, bufferSize int, keepAlive time.Duration) *frameReader {
	f := &frameReader{Conn: conn, max: maxPacket, keepAlive: keepAlive}
	f.filters.Store(int32(filters))
	f.in = bufio.NewReaderSize((*deadlineReader)(f), bufferSize)
	if keepAlive > 0 {
		// The timer's own goroutine sends; start starts it and Close stops it.
		f.ping = time.AfterFunc(time.Hour, f.sendPing)
		f.ping.Stop()
	}
	f.watch = newAnswerWatch(f)
	return f
}

// deadlineReader reads from a frameReader's connection, and expects something within
// the keep alive time: an answer to its own PINGREQ at the least. Where messages are
// read here, it gathers those of a flood.
type deadlineReader frameReader

// A broker that sends each message by itself has each cost two reads and a wait for the
// network. At more than 10,000 messages a second reads are therefore a moment apart.
const (
	flood  = 100 * time.Microsecond
	gather = time.Millisecond
)

func (r *deadlineReader) Read(p []byte) (int, error) {
	if r.keepAlive > 0 && r.up.Load() {
		if err := r.SetReadDeadline(time.Now().Add(r.keepAlive * 4 / 3)); err != nil {
			return 0, err
		}
	}
	if r.busy {
		time.Sleep(gather)
	}
	r.watch.reading.Store(true)
	n, err := r.Conn.Read(p)
	r.watch.reading.Store(false)
	r.watch.reads.Add(1)
	if r.direct != nil {
		now := time.Now()
		r.busy = now.Sub(r.arrived) < flood && n < len(p)
		r.arrived = now
	}
	return n, err
}

// Read returns bytes of packets whose header has been looked at.
func (f *frameReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for f.headRead == f.headLen && f.left == 0 {
		if f.bad == nil {
			f.bad = f.readHead()
		}
		if f.bad == nil && f.direct != nil && f.head[0]&^1 == packets.Publish<<4 {
			f.bad = f.readMessage()
		}
		if f.bad != nil {
			return 0, f.bad
		}
	}
	if f.headRead < f.headLen {
		n := copy(p, f.head[f.headRead:f.headLen])
		f.headRead += n
		return n, nil
	}
	n, err := f.in.Read(p[:min(len(p), f.left)])
	if f.head[0]>>4 == packets.Connack && n > 0 && n == f.left {
		switch code := p[n-1]; {
		case code == packets.Accepted:
			f.start()
		case code > packets.ErrRefusedNotAuthorised:
			f.bad = &malformed{fmt.Sprintf("the unknown return code %d", code)}
			return 0, f.bad
		}
	}
	first := f.left == f.length
	f.left -= n
	if f.notice != nil && n > 0 && f.head[0]&^1 == packets.Publish<<4 {
		f.readNotice(p[:n], first)
	}
	return n, err
}

// readMessage reads the rest of a message at QoS 0 and passes it on.
func (f *frameReader) readMessage() error {
	body := make([]byte, f.left)
	if _, err := io.ReadFull(f.in, body); err != nil {
		return err
	}
	f.headRead, f.left = f.headLen, 0
	end := 2
	if len(body) >= end {
		end += int(binary.BigEndian.Uint16(body))
	}
	if len(body) < end {
		return &malformed{"a topic longer than its packet"}
	}
	if string(body[2:end]) != f.topic {
		f.topic = string(body[2:end])
	}
	topic, payload := f.topic, body[end:]
	if f.notice != nil && len(body) <= maxNotice && strings.HasPrefix(topic, noticePrefix) {
		f.notice(topic, payload)
	}
	f.direct(topic, payload, f.head[0]&1 != 0)
	return nil
}

// maxNotice bounds the packet of a notice, in bytes.
const maxNotice = 2 << 10

// noticePrefix begins the topic of a notice.
var noticePrefix = strings.TrimSuffix(stream.TopicBroker, "broker")

// readNotice gathers the next bytes of a message at QoS 0, and passes it on when
// it is complete and a notice. first reports whether the message begins with b.
func (f *frameReader) readNotice(b []byte, first bool) {
	if f.length > maxNotice || !first && f.noticed == nil {
		return
	}
	f.noticed = append(f.noticed, b...)
	if text := f.noticed[min(2, len(f.noticed)):]; !strings.HasPrefix(noticePrefix, string(text[:min(len(text), len(noticePrefix))])) {
		f.noticed = nil
		return
	}
	if f.left > 0 {
		return
	}
	whole := f.noticed
	f.noticed = nil
	if len(whole) < 2 {
		return
	}
	if n := 2 + int(binary.BigEndian.Uint16(whole)); n <= len(whole) {
		f.notice(string(whole[2:n]), whole[n:])
	}
}

func (f *frameReader) readHead() error {
	f.headLen, f.headRead, f.left = 0, 0, 0
	if !f.greeted {
		if err := f.checkProtocol(); err != nil {
			return err
		}
	}
	for shift := 0; ; shift += 7 {
		c, err := f.in.ReadByte()
		if err != nil {
			return err
		}
		f.head[f.headLen] = c
		f.headLen++
		if f.headLen == 1 {
			shift -= 7
			continue
		}
		f.left |= int(c&0x7f) << shift
		if c < 0x80 {
			f.length = f.left
			return f.checkHead()
		}
		if f.headLen == len(f.head) {
			return &malformed{"a packet length of more than four bytes"}
		}
	}
}

// checkProtocol returns an error if the first answer is of another protocol. It
// waits for more than the first byte only if it begins none of MQTT.
func (f *frameReader) checkProtocol() error {
	first, err := f.in.Peek(1)
	if err != nil {
		return err
	}
	if !mayBeOther(first[0]) {
		return nil
	}
	first, _ = f.in.Peek(len("HTTP/"))
	if other, sure := protocolOf(first); sure {
		return other
	}
	return nil
}

// checkHead returns what is wrong with the header that was read, or nil.
func (f *frameReader) checkHead() error {
	kind, name := f.head[0]>>4, packets.PacketNames[f.head[0]>>4]
	if !f.greeted {
		if kind != packets.Connack || f.left != 2 {
			return &malformed{"something else than the answer to CONNECT"}
		}
		f.greeted = true
		return nil
	}
	allowed := 2
	switch kind {
	case packets.Publish:
		if f.head[0]>>1&3 == 3 {
			return &malformed{"a message with QoS 3"}
		}
		if f.left > f.max {
			return &malformed{fmt.Sprintf("a packet of %d bytes, more than the %d allowed", f.left, f.max)}
		}
		return nil
	case packets.Suback:
		allowed = 2 + int(f.filters.Load())
	case packets.Pingresp:
		allowed = 0
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp, packets.Unsuback:
	case packets.Connack:
		return &malformed{"a second CONNACK"}
	case packets.Disconnect:
		// Of MQTT 5, but sent to others as well before they are hung up on.
		return io.EOF
	default:
		return &malformed{fmt.Sprintf("a packet of type %d, which no broker sends", kind)}
	}
	if f.left != allowed {
		return &malformed{fmt.Sprintf("a %s packet of %d bytes, not %d", name, f.left, allowed)}
	}
	if kind == packets.Suback {
		f.answered.Store(true)
	}
	return nil
}

// start begins to keep the connection alive, now that the broker let us in.
func (f *frameReader) start() {
	f.up.Store(true)
	if f.ping != nil {
		f.ping.Reset(f.keepAlive * 2 / 3)
	}
}

func (f *frameReader) sendPing() {
	if f.askForAnswer() {
		f.ping.Reset(f.keepAlive * 2 / 3)
	}
}

// askForAnswer writes a PINGREQ, and reports whether it could. Else the connection has ended.
func (f *frameReader) askForAnswer() bool {
	_, err := f.Write([]byte{packets.Pingreq << 4, 0})
	if err != nil {
		_ = f.Conn.Close() // the reader notices and paho learns of it
	}
	return err == nil
}

// Write writes whole packets: paho passes one a call. It may be called from
// several goroutines.
func (f *frameReader) Write(p []byte) (int, error) {
	if f.up.Load() {
		if err := f.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return 0, err
		}
	}
	return f.Conn.Write(p)
}

// SetWriteDeadline does nothing: each Write has its own.
func (f *frameReader) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection and the pings.
func (f *frameReader) Close() error {
	if f.ping != nil {
		f.ping.Stop()
	}
	f.watch.end()
	return f.Conn.Close()
}
