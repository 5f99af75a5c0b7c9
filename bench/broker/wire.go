package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"time"
)

// A client speaks just enough MQTT 3.1.1 to load a broker.
type client struct {
	c net.Conn
	r *bufio.Reader
	w *bufio.Writer
}

func dial(addr, id string, clean bool) (*client, error) { return dialAs(addr, id, "", clean) }

// dialAs connects as a user, whose password is none. An address of a broker with TLS
// begins with tls://, and tls://POD@ goes before an address to which a pod shows its
// token.
func dialAs(addr, id, user string, clean bool) (*client, error) {
	addr, secure := strings.CutPrefix(addr, "tls://")
	password := ""
	if pod, rest, ok := strings.Cut(addr, "@"); ok {
		var err error
		if password, err = benchCluster().token(pod); err != nil {
			return nil, err
		}
		addr, user = rest, pod
	}
	c, err := net.DialTimeout("tcp", addr, 30*time.Second) // Mosquitto listens for 100 at once
	if err != nil {
		return nil, err
	}
	if secure {
		c = tls.Client(c, benchCluster().client())
	}
	cl := &client{c, bufio.NewReaderSize(c, 64<<10), bufio.NewWriterSize(c, 16<<10)}
	body := append(str(nil, "MQTT"), 4, 0, 0, 0) // no keep alive
	if clean {
		body[7] = 2
	}
	body = str(body, id)
	if user != "" {
		body[7] |= 0x80
		body = str(body, user)
	}
	if password != "" {
		body[7] |= 0x40
		body = str(body, password)
	}
	cl.w.Write(frame(0x10, body))
	if err := cl.w.Flush(); err != nil {
		c.Close()
		return nil, err
	}
	head, ack, err := cl.read()
	if err == nil && (head != 0x20 || ack[1] != 0) {
		err = fmt.Errorf("CONNECT is answered by %#x %v", head, ack)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return cl, nil
}

func (c *client) close() { c.c.Close() }

func (c *client) subscribe(filter string, qos byte) error {
	c.w.Write(frame(0x82, append(str([]byte{0, 1}, filter), qos)))
	if err := c.w.Flush(); err != nil {
		return err
	}
	for {
		head, body, err := c.read()
		if err != nil {
			return err
		}
		if head == 0x90 {
			if body[2] > 2 {
				return fmt.Errorf("SUBSCRIBE is refused with %#x", body[2])
			}
			return nil
		}
	}
}

// read returns the next packet; its body is valid until the next call.
func (c *client) read() (head byte, body []byte, err error) {
	if head, err = c.r.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.r)
	if err != nil {
		return 0, nil, err
	}
	if body, err = c.r.Peek(int(n)); err != nil {
		return 0, nil, err
	}
	c.r.Discard(int(n))
	return head, body, err
}

// more tells whether a whole packet's beginning is there already.
func (c *client) more() bool { return c.r.Buffered() > 1 }

func str(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func frame(head byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...)
}

// publishPacket returns a PUBLISH with a payload of so many zeros.
func publishPacket(qos byte, topic string, id uint16, payload int) []byte {
	body := str(nil, topic)
	if qos > 0 {
		body = binary.BigEndian.AppendUint16(body, id)
	}
	return frame(0x30|qos<<1, append(body, make([]byte, payload)...))
}
