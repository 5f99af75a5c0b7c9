package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/stream"
)

// Limits on what a client may send, in bytes after the fixed header.
const (
	MaxPacket  = stream.MaxPacket
	MaxConnect = stream.MaxPassword + 4<<10
	maxLength  = 4 // bytes of a remaining length (MQTT 3.1.1, 2.2.3)
)

// tlsHandshake is the first byte of a client that speaks TLS (RFC 8446, 5.1). As MQTT it
// is a CONNECT with flags that none has.
const tlsHandshake = 0x16

const (
	bufferSize = 4 << 10  // of a Reader; without Buffers, held as long as its connection is open
	firstChunk = 16 << 10 // allocated for a packet before more of it has come
)

// An Error is a packet that is not handled: its client is disconnected.
type Error struct {
	Reason string
	Code   packets.Code // for MQTT 5
	Frame  bool         // found in the fixed header
}

func (e *Error) Error() string { return e.Reason }

var (
	errFirstConnect  = frameError("its first packet is not CONNECT", packets.ErrProtocolViolation)
	errTLS           = frameError("the client speaks TLS; this listener does not", packets.ErrProtocolViolation)
	errSecondConnect = frameError("it sent a second CONNECT", packets.ErrProtocolViolation)
	errLength        = frameError("a packet's length has more than four bytes", packets.ErrMalformedPacket)
	errPacketSize    = frameError(fmt.Sprintf("a packet has more than %d bytes", MaxPacket), packets.ErrPacketTooLarge)
	errConnectSize   = frameError(fmt.Sprintf("its CONNECT has more than %d bytes", MaxConnect), packets.ErrPacketTooLarge)
)

func frameError(reason string, code packets.Code) *Error {
	return &Error{Reason: reason, Code: code, Frame: true}
}

// A Reader reads the packets that a client sends. The first one must be CONNECT,
// and no other may.
type Reader struct {
	// Partial, if it is not nil, is called before Next waits for the rest of a packet.
	Partial func()

	r       *bufio.Reader // nil while a Reader that borrows it has none
	version byte          // of the protocol; 0 before the CONNECT

	buffers *Buffers // to borrow from; nil: r is its own
	begun   begun    // what is read then
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, bufferSize)} }

// Wait waits until a packet has begun to come, or returns the reader's error.
func (r *Reader) Wait() error {
	if r.buffers != nil && (r.r == nil || r.r.Buffered() == 0) {
		return r.waitWithout()
	}
	_, err := r.r.Peek(1)
	return err
}

// Next returns the next packet, or an *Error if what the client sent is not
// allowed, or the reader's error. A CONNECT that is not allowed is returned with
// the *Error as far as its protocol's version, if that is known. Nothing in the
// packet is changed by later calls.
func (r *Reader) Next() (packets.Packet, error) {
	var pk packets.Packet
	if err := r.borrow(); err != nil {
		return pk, err
	}
	length, err := r.header(&pk.FixedHeader)
	if errors.Is(err, errConnectSize) {
		pk.ProtocolVersion = r.versionAhead()
	}
	if err != nil {
		return pk, err
	}
	if r.Partial != nil && r.r.Buffered() < length {
		r.Partial()
	}
	body, err := r.body(length)
	if err != nil {
		return pk, err
	}
	pk.FixedHeader.Remaining = length
	if pk.FixedHeader.Type == packets.Connect {
		return r.connect(pk, body)
	}
	pk.ProtocolVersion = r.version
	if err := check(&pk.FixedHeader, body, r.version == 5); err != nil {
		return pk, err
	}
	return pk, asError(decode(&pk, body))
}

// connect checks and decodes a CONNECT.
func (r *Reader) connect(pk packets.Packet, body []byte) (packets.Packet, error) {
	version, err := checkConnect(body)
	pk.ProtocolVersion = version
	if err != nil {
		return pk, err
	}
	if err := asError(pk.ConnectDecode(body)); err != nil {
		return pk, err
	}
	r.version = version
	// These outlive the packet, and would keep the whole of it: the password, too, which
	// may be much the longest.
	c := &pk.Connect
	c.ClientIdentifier, c.WillTopic, c.WillPayload = strings.Clone(c.ClientIdentifier), strings.Clone(c.WillTopic), bytes.Clone(c.WillPayload)
	return pk, nil
}

// versionAhead returns which version of the protocol a CONNECT speaks of which nothing
// was read but its fixed header, or 0: one that is too large is told so, too.
func (r *Reader) versionAhead() byte {
	const name = "\x00\x04MQTT"
	start, err := r.r.Peek(len(name) + 1)
	if err != nil || string(start[:len(name)]) != name {
		return 0
	}
	version, err := checkVersion("MQTT", start[len(name)])
	if err != nil {
		return 0
	}
	return version
}

// header reads a fixed header and returns the length of what follows.
func (r *Reader) header(h *packets.FixedHeader) (length int, err error) {
	first, err := r.r.ReadByte()
	if err != nil {
		return 0, err
	}
	isConnect := first>>4 == packets.Connect
	switch {
	case r.version == 0 && first == tlsHandshake:
		return 0, errTLS
	case r.version == 0 && !isConnect:
		return 0, errFirstConnect
	case r.version != 0 && isConnect:
		return 0, errSecondConnect
	}
	if err := h.Decode(first); err != nil {
		return 0, asError(err)
	}
	for n := 0; ; n++ {
		if n == maxLength {
			return 0, errLength
		}
		b, err := r.r.ReadByte()
		if err != nil {
			return 0, err
		}
		length |= int(b&0x7f) << (7 * n)
		if b&0x80 == 0 {
			break
		}
	}
	switch {
	case isConnect && length > MaxConnect:
		return 0, errConnectSize
	case length > MaxPacket:
		return 0, errPacketSize
	}
	return length, nil
}

// body reads n bytes. It allocates as they come: a client that announces a large
// packet and sends none of it takes no memory for it.
func (r *Reader) body(n int) ([]byte, error) {
	b := make([]byte, min(n, firstChunk))
	for read := 0; ; {
		if _, err := io.ReadFull(r.r, b[read:]); err != nil {
			return nil, err
		}
		if read = len(b); read == n {
			return b, nil
		}
		more := make([]byte, min(n, 4*read))
		copy(more, b)
		b = more
	}
}

// decode decodes a packet that check has accepted.
func decode(pk *packets.Packet, body []byte) error {
	switch pk.FixedHeader.Type {
	case packets.Publish:
		return pk.PublishDecode(body)
	case packets.Puback:
		return pk.PubackDecode(body)
	case packets.Pubrec:
		return pk.PubrecDecode(body)
	case packets.Pubrel:
		return pk.PubrelDecode(body)
	case packets.Pubcomp:
		return pk.PubcompDecode(body)
	case packets.Subscribe:
		return pk.SubscribeDecode(body)
	case packets.Unsubscribe:
		return pk.UnsubscribeDecode(body)
	case packets.Disconnect:
		return pk.DisconnectDecode(body)
	}
	return nil // PINGREQ
}

// asError returns an error of the codec as an *Error.
func asError(err error) error {
	if err == nil {
		return nil
	}
	code, ok := errors.AsType[packets.Code](err)
	if !ok {
		code = packets.ErrMalformedPacket
	}
	return &Error{Reason: code.Reason, Code: code}
}
