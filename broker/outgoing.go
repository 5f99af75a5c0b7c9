package broker

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/sharing"
	"hellox/broker/wire"
)

// send queues one packet. It does not wait for the network. It returns an error
// if the connection is closed.
func (c *conn) send(b []byte) error {
	if !c.lockFor(len(b)) {
		return net.ErrClosed
	}
	defer c.mu.Unlock()
	if kind := b[0] >> 4; kind == packets.Disconnect || kind == packets.Connack && connackCode(b) != 0 {
		c.lingers = max(c.lingers, lingerTime)
		if kind == packets.Disconnect && !c.v5 {
			c.shared.budget.give(c, len(b))
			return nil // MQTT 3.1.1 has none from a broker
		}
	}
	if !acknowledges(b[0]) || !c.hold(b, c.lastSeq.Load()) {
		c.append(b)
	}
	return nil
}

// connackCode returns the code of an encoded CONNACK.
func connackCode(b []byte) byte {
	if b[1]&0x80 != 0 { // with a long reason, its length has two bytes
		return b[4]
	}
	return b[3]
}

// sendWhen queues one packet that may leave when seq is on disk.
func (c *conn) sendWhen(seq uint64, b []byte) error {
	if !c.lockFor(len(b)) {
		return net.ErrClosed
	}
	defer c.mu.Unlock()
	if !c.hold(b, seq) {
		c.append(b)
	}
	return nil
}

// lockFor counts n bytes that are to be sent, and locks c.mu. If nothing more may
// be sent, it does neither and returns false.
func (c *conn) lockFor(n int) bool {
	if !c.shared.budget.take(c, n) {
		return false
	}
	c.mu.Lock()
	if c.closing || c.closed {
		c.mu.Unlock()
		c.shared.budget.give(c, n)
		return false
	}
	return true
}

// sendPacket is send for a packet that the codec encodes.
func (c *conn) sendPacket(pk *packets.Packet) error {
	b, err := wire.Encode(pk)
	if err != nil {
		return err
	}
	return c.send(b)
}

func acknowledges(header byte) bool {
	switch header >> 4 {
	case packets.Puback, packets.Pubrec, packets.Pubcomp, packets.Suback, packets.Unsuback:
		return true
	}
	return false
}

// hold holds a packet if seq is not on disk, or if an earlier packet is held. It
// returns false if the packet may leave. The caller holds c.mu.
func (c *conn) hold(b []byte, seq uint64) bool {
	if len(c.holds) == 0 {
		c.heldSeq = 0
		if !c.shared.journal.Await(c, seq) {
			return false
		}
	}
	c.held = append(c.held, b...)
	if n := len(c.holds); n > 0 && c.holds[n-1].seq == seq {
		c.holds[n-1].n += len(b)
	} else {
		c.holds = append(c.holds, hold{seq, len(b)})
	}
	return true
}

// Release sends what waits for everything up to synced.
func (c *conn) Release(synced uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.closing {
		return
	}
	for {
		n, i := 0, 0
		for i < len(c.holds) && c.holds[i].seq <= synced {
			n += c.holds[i].n
			i++
		}
		if n > 0 {
			c.append(c.held[:n])
			c.held = c.held[:copy(c.held, c.held[n:])]
			c.holds = c.holds[:copy(c.holds, c.holds[i:])]
			if len(c.held) == 0 && cap(c.held) > writeChunk {
				c.held = nil
			}
		}
		if len(c.holds) == 0 || c.shared.journal.Await(c, c.holds[0].seq) {
			return
		}
		synced = c.holds[0].seq
	}
}

// wroteSeq notes the sequence number of what this connection wrote to the journal.
// The reading goroutine calls it, before the acknowledgement is written. c is nil
// for a last will.
func (c *conn) wroteSeq(seq uint64) {
	if c != nil {
		c.lastSeq.Store(seq)
	}
}

// waiterOf returns c as a journal.Waiter, or a nil one.
func waiterOf(c *conn) journal.Waiter {
	if c == nil {
		return nil
	}
	return c
}

// publish queues m for sending. It does not wait for the network.
func (c *conn) publish(m *journal.Message, d delivery, now int64) {
	if !c.lockFor(d.packetLen(m)) {
		return
	}
	defer c.mu.Unlock()
	c.shared.metrics.sent(d.qos)
	if d.qos > 0 && len(c.holds) > 0 && c.heldSeq > 0 {
		// One at QoS 2 waits, and comes first: what is sent again must have the
		// order in which it was sent [MQTT-4.6.0-1].
		c.hold(d.appendPublish(nil, m, now), c.heldSeq)
		return
	}
	c.ensureBuffer()
	c.out = d.appendPublish(c.out, m, now)
	c.startFlush()
}

// publishWhen is publish for a message that may leave when seq is on disk.
func (c *conn) publishWhen(seq uint64, m *journal.Message, d delivery, now int64) {
	b := d.appendPublish(nil, m, now)
	if !c.lockFor(len(b)) {
		return
	}
	defer c.mu.Unlock()
	c.shared.metrics.sent(d.qos)
	if c.hold(b, seq) {
		c.heldSeq = max(c.heldSeq, seq)
	} else {
		c.append(b)
	}
}

// tooLarge reports whether the packet is larger than the client accepts
// [MQTT-3.1.2-24].
func (c *conn) tooLarge(m *journal.Message, d delivery) bool {
	return c.maxPacket > 0 && d.packetLen(m) > c.maxPacket
}

// Refuse tells the client that what it sent cannot be stored, and disconnects it:
// without an acknowledgement it keeps the message and sends it again.
func (c *conn) Refuse(cause string) {
	c.refuse(refusal{kindStore, "", cause, packets.ErrQuotaExceeded})
}

// hasRoom reports whether a feeder may go on. If not, it is woken when it may.
func (c *conn) hasRoom() bool { return c.hasRoomOr(nil) }

// hasRoomOr is hasRoom for a shared subscription, which is woken when there is room.
func (c *conn) hasRoomOr(p *sharing.Subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := feedLimit
	if c.shared.budget.scarce() {
		limit = feedLimit / 16
	}
	if len(c.out)+c.writing+len(c.held) < limit || c.closing || c.closed {
		return true
	}
	if p != nil {
		c.starved = addOnce(c.starved, p)
	}
	return false
}

func (c *conn) append(b []byte) {
	c.ensureBuffer()
	c.out = append(c.out, b...)
	c.startFlush()
}

// ensureBuffer gives the connection a buffer. Idle connections have none.
func (c *conn) ensureBuffer() {
	if c.out == nil {
		c.out = (*c.shared.buffers.Get().(*[]byte))[:0]
	}
}

// startFlush starts the writing goroutine if none runs. The caller holds c.mu.
func (c *conn) startFlush() {
	if !c.flushing {
		c.flushing = true
		c.shared.flushes.Add(1)
		go c.flush()
	}
}

// flush writes until nothing is left. What is appended meanwhile leaves with the
// next call.
func (c *conn) flush() {
	defer c.shared.flushes.Done()
	defer func() { c.ended(recover()) }()
	for {
		c.mu.Lock()
		if c.closed || len(c.out) == 0 {
			c.flushing = false
			c.dropOut()
			if c.closing && !c.closed {
				_ = c.closeWritten()
			}
			c.mu.Unlock()
			return
		}
		out := c.out
		c.out, c.writing = nil, len(out)
		c.mu.Unlock()

		err := c.writeOut(out)
		c.shared.budget.give(c, len(out))
		c.recycle(out)
		if err != nil {
			if isTimeout(err) {
				c.closeSlow("it does not read")
			} else {
				c.Abort()
			}
		}
		// Make room before waking the feeder, or it goes on sleeping.
		c.mu.Lock()
		c.writing = 0
		c.wakeFeeders()
		c.mu.Unlock()
	}
}

// writeOut writes out. A client that reads slowly is no reason to close the
// connection, one that takes nothing for a while is.
func (c *conn) writeOut(out []byte) error {
	resumable, size := true, writeChunk
	switch c.Conn.(type) {
	case *tls.Conn, *webConn: // half a record or frame has been written
		resumable, size = false, smallChunk
	}
	for len(out) > 0 {
		c.mu.Lock()
		wait, closing := c.shared.stall, c.closing
		c.mu.Unlock()
		if closing {
			wait = closeTimeout
		}
		if err := c.Conn.SetWriteDeadline(c.shared.now().Add(wait)); err != nil {
			return err
		}
		n, err := c.Conn.Write(out[:min(len(out), size)])
		c.shared.metrics.sentBytes(n)
		out = out[n:]
		if err != nil && (n == 0 || closing || !resumable || !isTimeout(err)) {
			return err
		}
	}
	return nil
}

func isTimeout(err error) bool {
	timeout := net.Error(nil)
	return errors.As(err, &timeout) && timeout.Timeout()
}

// recycle reuses a buffer, unless it grew beyond what a busy connection needs.
func (c *conn) recycle(b []byte) {
	if b != nil && cap(b) <= 4*writeChunk {
		c.shared.buffers.Put(&b)
	}
}
