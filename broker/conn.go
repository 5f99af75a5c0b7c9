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
	feedLimit      = 256 << 10 // bytes; a feeder waits while more is to be written
	maxKeepalive   = 1200      // seconds; also for a client that asks for none
)

// A conn is a client's connection as mochi sees it. It validates the frames that
// come in, gathers what goes out so that many packets leave in one call, holds
// acknowledgements until what they acknowledge is on disk, and is closed if its
// client does not read.
type conn struct {
	net.Conn
	shared   *shared
	rights   *Rights
	listener string

	// Of the reading goroutine:
	frames       frameValidator
	deadline     time.Time     // as set on the socket
	deadlineStep time.Duration // deadline is moved in steps of this length

	// Set while the CONNECT is handled, before other goroutines know the conn:
	v5             bool
	id             string
	receiveMaximum int // packets at QoS 1 that the client accepts unacknowledged
	maxPacket      int // bytes that the client accepts; 0: any
	session        *session
	present        bool // the session was there before
	will           *will

	// Between the hooks of one SUBSCRIBE or UNSUBSCRIBE, in the reading goroutine:
	tooManyTopicFilters bool
	subscribed          []newSubscription
	unsubscribed        []byte

	targets []target // of the last PUBLISH, reused by the next

	pendingBytes atomic.Int64  // bytes counted in the budget
	lastSeq      atomic.Uint64 // the newest sequence number of what this connection wrote to the journal

	mu       sync.Mutex
	out      []byte    // to be written
	writing  int       // bytes of the chunk being written
	flushing bool      // flush is running
	heldAcks []byte    // acknowledgements that wait for the disk
	ackHolds []ackHold // what they wait for, in order
	closing  bool      // no more packets are accepted; those in out are written
	closed   bool
	feeder   *feeder
}

// An ackHold is n bytes of heldAcks that may leave when seq is on disk.
type ackHold struct {
	seq uint64
	n   int
}

// shared is what all connections of a broker share.
type shared struct {
	journal *journal.Journal
	budget  budget
	metrics *metrics
	buffers sync.Pool // of *[]byte
	flushes sync.WaitGroup
	now     func() time.Time
}

func newConn(c net.Conn, s *shared, rights *Rights, listener string, accepted time.Time) *conn {
	// Absolute: a byte a second does not extend it.
	_ = c.SetDeadline(accepted.Add(connectTimeout))
	return &conn{Conn: c, shared: s, rights: rights, listener: listener}
}

// Read returns what the frame validator accepts.
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

// SetDeadline is called by mochi with each packet, to renew the keep alive. It
// moves the read deadline only, in steps: pings do not keep a client that does
// not read. The reading goroutine calls it.
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

// Close accepts no more packets, writes what is left, and closes the socket. What
// is not on disk yet is not acknowledged.
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

// closeSlow closes a connection whose client is too slow.
func (c *conn) closeSlow(cause string) {
	c.mu.Lock()
	already := c.closed
	c.mu.Unlock()
	if already {
		return
	}
	c.shared.metrics.slowClient(c, cause)
	c.Abort()
}

// disconnect sends an MQTT 5 client the reason and closes the connection. Any
// goroutine may call it.
func (c *conn) disconnect(code packets.Code) {
	if c.v5 {
		_, _ = c.Write([]byte{packets.Disconnect << 4, 2, code.Code, 0})
	}
	c.Close()
}
