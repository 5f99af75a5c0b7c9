package broker

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

const (
	connectTimeout = 5 * time.Second  // from accept to a whole CONNECT
	writeTimeout   = 10 * time.Second // for a chunk of what waits for the client
	closeTimeout   = 2 * time.Second  // for what is left to be written at the end
	writeChunk     = 256 << 10
	feedLimit      = 256 << 10 // a feeder stops while more than this waits
	maxKeepalive   = 1200      // seconds; also for a client that wants none
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
	frames       frameValidator
	deadline     time.Time     // as set on the socket
	deadlineStep time.Duration // it is moved in steps of so much

	// Set while the CONNECT is handled, before anybody else knows the conn:
	v5             bool
	id             string
	receiveMaximum int // packets at QoS 1 that its client takes unacknowledged
	maxPacket      int // that its client takes; 0: any
	session        *session
	present        bool // the session was there before
	will           *will

	// Between the hooks of one SUBSCRIBE or UNSUBSCRIBE, in the reading goroutine:
	tooManyTopicFilters bool
	subscribed          []newSubscription
	unsubscribed        []byte

	targets []target // of the last PUBLISH, to be used again

	pendingBytes atomic.Int64  // bytes that count to its budget
	lastSeq      atomic.Uint64 // the newest number in the journal that this connection caused

	mu       sync.Mutex
	out      []byte    // to be written
	writing  int       // bytes of the chunk being written
	flushing bool      // flush is running
	heldAcks []byte    // acknowledgements that wait for the journal
	ackHolds []ackHold // what they wait for, in order
	closing  bool      // nothing more is taken; what is there is written
	closed   bool
	feeder   *feeder
}

// An ackHold is n bytes of held that may leave when the journal has come to seq.
type ackHold struct {
	seq uint64
	n   int
}

// shared is what all connections of a broker have in common.
type shared struct {
	journal *journal.Journal
	budget  budget
	metrics *metrics
	buffers sync.Pool // of *[]byte
	flushes sync.WaitGroup
	now     func() time.Time
}

func newConn(c net.Conn, s *shared, rights *Rights, listener string, accepted time.Time) *conn {
	// Absolute: a byte a second does not move it.
	_ = c.SetDeadline(accepted.Add(connectTimeout))
	return &conn{Conn: c, shared: s, rights: rights, listener: listener}
}

// Read hands on what the guard lets pass.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		if refused := c.frames.validate(b[:n]); refused != nil {
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
	if d := t.Sub(c.deadline); d >= 0 && d < c.deadlineStep {
		return nil
	}
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) setFeeder(f *feeder) {
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

// Close takes nothing more, writes what is left, and closes the socket. What
// still waited for the journal is not acknowledged.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.closed {
		return nil
	}
	c.closing = true
	c.dropHeldAcks()
	if c.flushing {
		return c.Conn.SetWriteDeadline(c.shared.now().Add(closeTimeout))
	}
	c.closed = true
	return c.Conn.Close()
}

// Abort closes the socket at once.
func (c *conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.dropHeldAcks()
		c.Conn.Close()
	}
}

func (c *conn) dropHeldAcks() {
	c.shared.budget.give(c, len(c.heldAcks))
	c.heldAcks, c.ackHolds = nil, nil
}

// closeSlow ends a connection whose client is too slow.
func (c *conn) closeSlow(why string) {
	c.mu.Lock()
	already := c.closed
	c.mu.Unlock()
	if already {
		return
	}
	c.shared.metrics.slowClient(c, why)
	c.Abort()
}

// disconnect tells an MQTT 5 client why, and closes. It may be called from
// any goroutine.
func (c *conn) disconnect(code packets.Code) {
	if c.v5 {
		_, _ = c.Write([]byte{packets.Disconnect << 4, 2, code.Code, 0})
	}
	c.Close()
}
