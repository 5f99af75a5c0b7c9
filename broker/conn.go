package broker

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	connectTime  = 5 * time.Second  // from accept to a whole CONNECT
	writeTime    = 10 * time.Second // for a chunk of what waits for the client
	lingerTime   = 2 * time.Second  // for what is left to be written at the end
	writeChunk   = 256 << 10
	roomFor      = 256 << 10 // a feeder stops while more than this waits
	maxKeepalive = 1200      // seconds; also for a client that wants none
)

// A conn is a client's connection as mochi sees it. It guards what comes in,
// gathers what goes out so that many packets leave in one call, keeps
// acknowledgements back until the journal has what they acknowledge, and cuts
// off a client that does not read.
type conn struct {
	net.Conn
	shared   *shared
	rights   *Rights
	listener string

	// Of the reading goroutine:
	guard    guard
	deadline time.Time     // as set on the socket
	step     time.Duration // it is moved in steps of so much

	// Set while the CONNECT is handled, before anybody else knows the conn:
	v5        bool
	id        string
	window    int // packets at QoS 1 that its client takes unacknowledged
	maxPacket int // that its client takes; 0: any
	session   *session
	present   bool // the session was there before
	will      *will

	// Between the hooks of one SUBSCRIBE or UNSUBSCRIBE, in the reading goroutine:
	tooManyFilters bool
	subscribed     []newSubscription
	unsubscribed   []byte

	targets []target // of the last PUBLISH, to be used again

	waiting atomic.Int64  // bytes that count to its budget
	last    atomic.Uint64 // the newest number in the journal that this connection caused

	mu       sync.Mutex
	out      []byte // to be written
	writing  int    // bytes of the chunk being written
	flushing bool   // flush is running
	held     []byte // acknowledgements that wait for the journal
	holds    []hold // what they wait for, in order
	closing  bool   // nothing more is taken; what is there is written
	closed   bool
	feeder   *feeder
}

// A hold is n bytes of held that may leave when the journal has come to seq.
type hold struct {
	seq uint64
	n   int
}

// shared is what all connections of a broker have in common.
type shared struct {
	journal *journal
	budget  budget
	metrics *metrics
	buffers sync.Pool // of *[]byte
	flushes sync.WaitGroup
	now     func() time.Time
}

func newConn(c net.Conn, s *shared, rights *Rights, listener string, accepted time.Time) *conn {
	// Absolute: a byte a second does not move it.
	c.SetDeadline(accepted.Add(connectTime))
	return &conn{Conn: c, shared: s, rights: rights, listener: listener}
}

// Read hands on what the guard lets pass.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		if refused := c.guard.pass(b[:n]); refused != nil {
			c.shared.metrics.refused("frame")
			return 0, refused
		}
	}
	return n, err
}

// SetDeadline is how mochi renews the keep-alive, with each packet. It moves
// the reading end only, in steps: a client that does not read is not kept by
// its pings. The reading goroutine calls it.
func (c *conn) SetDeadline(t time.Time) error {
	if d := t.Sub(c.deadline); d >= 0 && d < c.step {
		return nil
	}
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}

// Write takes one packet from mochi. It does not wait for the network.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if !c.shared.budget.take(c, len(b)) {
		return 0, net.ErrClosed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.closed {
		c.shared.budget.give(c, len(b))
		return 0, net.ErrClosed
	}
	if acknowledges(b[0]) && c.hold(b) {
		return len(b), nil
	}
	c.append(b)
	return len(b), nil
}

func acknowledges(header byte) bool {
	switch header >> 4 {
	case packets.Puback, packets.Pubrec, packets.Pubcomp, packets.Suback, packets.Unsuback:
		return true
	}
	return false
}

// hold keeps an acknowledgement back if the journal has not come so far, or
// if an earlier one is kept back. The caller holds c.mu.
func (c *conn) hold(b []byte) bool {
	last := c.last.Load()
	if len(c.holds) == 0 && !c.shared.journal.await(c, last) {
		return false
	}
	c.held = append(c.held, b...)
	if n := len(c.holds); n > 0 && c.holds[n-1].seq == last {
		c.holds[n-1].n += len(b)
	} else {
		c.holds = append(c.holds, hold{last, len(b)})
	}
	return true
}

// release lets out what waited for the journal to come to synced.
func (c *conn) release(synced uint64) {
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
		}
		if len(c.holds) == 0 || c.shared.journal.await(c, c.holds[0].seq) {
			return
		}
		synced = c.holds[0].seq
	}
}

// caused notes that this connection brought something into the journal.
func (c *conn) caused(seq uint64) { c.last.Store(seq) }

// publish sends m. It does not wait for the network.
func (c *conn) publish(m *message, d delivery, now int64) {
	n := m.packetLen(d)
	if !c.shared.budget.take(c, n) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.closed {
		c.shared.budget.give(c, n)
		return
	}
	c.begin()
	c.out = m.appendPublish(c.out, d, now)
	c.kick()
	c.shared.metrics.sent(d.qos)
}

// tooLarge tells whether the client does not take a packet of that size
// [MQTT-3.1.2-24].
func (c *conn) tooLarge(m *message, d delivery) bool {
	return c.maxPacket > 0 && m.packetLen(d) > c.maxPacket
}

// room tells whether a feeder may go on; if not, it is woken when it may.
func (c *conn) room() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out)+c.writing < roomFor || c.closing || c.closed
}

func (c *conn) feed(f *feeder) {
	c.mu.Lock()
	c.feeder = f
	c.mu.Unlock()
}

// takeFeeder returns the connection's feeder, once.
func (c *conn) takeFeeder() *feeder {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.feeder
	c.feeder = nil
	return f
}

func (c *conn) append(b []byte) {
	c.begin()
	c.out = append(c.out, b...)
	c.kick()
}

// begin gives out a buffer. Connections that rest have none.
func (c *conn) begin() {
	if c.out == nil {
		c.out = (*c.shared.buffers.Get().(*[]byte))[:0]
	}
}

// kick sees to it that somebody writes. The caller holds c.mu.
func (c *conn) kick() {
	if !c.flushing {
		c.flushing = true
		c.shared.flushes.Add(1)
		go c.flush()
	}
}

// flush writes until nothing is left. Whatever is appended meanwhile goes with
// the next call.
func (c *conn) flush() {
	defer c.shared.flushes.Done()
	for {
		c.mu.Lock()
		c.writing = 0
		if c.closed || len(c.out) == 0 {
			c.flushing = false
			c.shared.budget.give(c, len(c.out))
			c.recycle(c.out)
			c.out = nil
			if c.closing && !c.closed {
				c.closed = true
				c.Conn.Close()
			}
			c.mu.Unlock()
			return
		}
		out := c.out
		c.out, c.writing = nil, len(out)
		feeder := c.feeder
		c.mu.Unlock()

		err := c.writeOut(out)
		c.shared.budget.give(c, len(out))
		c.recycle(out)
		if err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				c.cutOff("it does not read")
			} else {
				c.abort()
			}
		}
		if feeder != nil {
			feeder.poke()
		}
	}
}

func (c *conn) writeOut(out []byte) error {
	for len(out) > 0 {
		chunk := out[:min(len(out), writeChunk)]
		wait := writeTime
		c.mu.Lock()
		if c.closing {
			wait = lingerTime
		}
		c.mu.Unlock()
		if err := c.Conn.SetWriteDeadline(c.shared.now().Add(wait)); err != nil {
			return err
		}
		n, err := c.Conn.Write(chunk)
		c.shared.metrics.sentBytes(n)
		if err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// recycle takes a buffer back, unless it grew beyond what a busy connection needs.
func (c *conn) recycle(b []byte) {
	if b != nil && cap(b) <= 4*writeChunk {
		c.shared.buffers.Put(&b)
	}
}

// Close takes nothing more, writes what is left, and closes the socket. What
// still waited for the journal is not acknowledged.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.closed {
		return nil
	}
	c.closing = true
	c.drop()
	if c.flushing {
		return c.Conn.SetWriteDeadline(c.shared.now().Add(lingerTime))
	}
	c.closed = true
	return c.Conn.Close()
}

// abort closes the socket at once.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.drop()
		c.Conn.Close()
	}
}

func (c *conn) drop() {
	c.shared.budget.give(c, len(c.held))
	c.held, c.holds = nil, nil
}

// cutOff ends a connection whose client is too slow.
func (c *conn) cutOff(why string) {
	c.mu.Lock()
	already := c.closed
	c.mu.Unlock()
	if already {
		return
	}
	c.shared.metrics.slow(c, why)
	c.abort()
}

// disconnect tells an MQTT 5 client why, and closes. It may be called from
// any goroutine.
func (c *conn) disconnect(code packets.Code) {
	if c.v5 {
		c.Write([]byte{packets.Disconnect << 4, 2, code.Code, 0})
	}
	c.Close()
}
