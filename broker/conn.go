package broker

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/rights"
	"hellox/broker/sharing"
	"hellox/broker/wire"
)

const (
	closeTimeout   = 2 * time.Second // for what is left to be written at the end
	lingerTime     = time.Second     // for a client to read why it is disconnected
	shutdownLinger = 200 * time.Millisecond
	lingerBytes    = 1 << 20 // of what it sends meanwhile
	writeChunk     = 256 << 10
	smallChunk     = 16 << 10  // where a write that timed out cannot be continued
	feedLimit      = 256 << 10 // bytes; a feeder waits while more is to be written
)

// A conn is a client's connection. It gathers what goes out so that many packets
// leave in one call, holds acknowledgements until what they acknowledge is on
// disk, and is closed if its client does not read.
type conn struct {
	net.Conn
	shared   *shared
	gate     gate          // of its listener
	accepted *acceptedConn // nil in tests

	subject subject                       // set with mu held, when the client is let in
	current atomic.Pointer[rights.Rights] // what the client may do now; stored with mu held
	ends    atomic.Int64                  // when its login is over, in Unix nanoseconds; 0: never. Set when the client is connected.

	// Of the reading goroutine:
	packets  *wire.Reader
	deadline time.Time // as set on the socket

	// Set while the CONNECT is handled, before other goroutines know the conn:
	v5             bool
	id             string
	owner          string // its identity, if that shares the limits with others
	counted        bool   // it is in Broker.connectedBy
	keepAlive      time.Duration
	problemInfo    bool // MQTT 5: Reason Strings may be in all packets
	receiveMaximum int  // packets at QoS 1 that the client accepts unacknowledged
	maxPacket      int  // bytes that the client accepts; 0: any
	session        *session
	present        bool // the session was there before
	will           *will

	pendingBytes atomic.Int64  // bytes counted in the budget
	lastSeq      atomic.Uint64 // the newest sequence number of what this connection wrote to the journal

	mu       sync.Mutex
	out      []byte // to be written
	writing  int    // bytes of the chunk being written
	flushing bool   // flush is running
	held     []byte // packets that wait for the disk
	holds    []hold // what they wait for, in order
	heldSeq  uint64 // while holds is not empty: what the newest PUBLISH in held waits for; 0: there is none
	closing  bool   // no more packets are accepted; those in out are written
	closed   bool
	refused  bool          // refuse was called
	lingers  time.Duration // how long Close leaves the client to read the reason; 0: it has none to read
	feeder   *feeder
	retained *retainedFeed           // while there are retained messages to send
	fed      bool                    // takeFeeders was called
	starved  []*sharing.Subscription // that wait for room for session
}

// A hold is n bytes of held that may leave when seq is on disk.
type hold struct {
	seq uint64
	n   int
}

// shared is what all connections of a broker share.
type shared struct {
	authority rights.Authority // nil: there are no users
	journal   *journal.Journal
	budget    budget
	packet    time.Duration // for the rest of a packet
	metrics   *metrics
	refusals  refusalLog
	buffers   sync.Pool // of *[]byte, for what is sent
	reading   wire.Buffers
	flushes   sync.WaitGroup
	now       func() time.Time
	stall     time.Duration // that a client may take nothing of what waits for it
}

// newConn returns the conn of c. accepted is what c runs over, or nil; until the
// CONNECT it closes c in time: a byte a second does not extend that.
func newConn(c net.Conn, s *shared, gate gate, accepted *acceptedConn) *conn {
	n := &conn{Conn: c, shared: s, gate: gate, accepted: accepted}
	switch c.(type) {
	case *tls.Conn, *webConn:
		n.packets = s.reading.Reader(c)
	default:
		n.packets = wire.NewReader(c)
	}
	n.packets.Partial = n.hurry
	return n
}

// hurry gives the client a while for the rest of a packet of which some has come:
// that is held in memory meanwhile, and the keep alive may be long. The reading
// goroutine calls it.
func (c *conn) hurry() {
	t := c.shared.now().Add(c.shared.packet)
	if c.deadline.IsZero() || c.deadline.Before(t) {
		return // before the CONNECT there is a timer
	}
	c.deadline = t
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		_ = c.Conn.SetReadDeadline(t)
	}
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// isClosing reports whether nothing more of the client is handled.
func (c *conn) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing || c.closed
}

func (c *conn) setFeeder(f *feeder) {
	c.mu.Lock()
	c.feeder = f
	c.mu.Unlock()
}

// setRetainedFeed sets or, with nil, removes the feed of retained messages. It
// returns false if the connection has ended.
func (c *conn) setRetainedFeed(f *retainedFeed) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retained = f
	return !c.fed
}

// takeFeeders returns the connection's feeders, once.
func (c *conn) takeFeeders() (all []*feeder) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.feeder != nil {
		all = append(all, c.feeder)
	}
	if c.retained != nil {
		all = append(all, c.retained.feeder)
	}
	c.feeder, c.retained, c.fed = nil, nil, true
	return all
}

// wakeFeeders wakes the feeders: there may be room. The caller holds c.mu.
func (c *conn) wakeFeeders() {
	if c.feeder != nil {
		c.feeder.wakeUp()
	}
	if c.retained != nil {
		c.retained.wakeUp()
	}
	for _, p := range c.starved {
		p.RoomFor(c.session)
	}
	c.starved = nil
}

// Close accepts no more packets, writes what is left, and closes the socket. What
// is not on disk yet is not acknowledged. If the client has a reason to read,
// only our side of the socket is closed, and finish does the rest.
func (c *conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.closed {
		return nil
	}
	c.closing = true
	c.dropHeld()
	if c.lingers > 0 {
		_ = c.Conn.SetReadDeadline(c.shared.now().Add(c.lingers))
	}
	if c.flushing {
		return c.Conn.SetWriteDeadline(c.shared.now().Add(closeTimeout))
	}
	return c.closeWritten()
}

// closeWritten closes the socket when everything has been written. The caller
// holds c.mu.
func (c *conn) closeWritten() error {
	if c.lingers > 0 {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
			return half.CloseWrite()
		}
	}
	c.closed = true
	return c.Conn.Close()
}

// finish ends a connection whose packets are not handled any more. A socket that is closed
// with bytes unread is reset, and the client loses what was sent last: why it
// was disconnected. So these are read first, for a moment.
func (c *conn) finish() {
	c.Close()
	c.mu.Lock()
	lingers := c.lingers > 0 && !c.closed
	c.mu.Unlock()
	if lingers {
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lingers = 0
	if !c.flushing && !c.closed {
		_ = c.closeWritten()
	}
}

// Abort closes the socket at once.
func (c *conn) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		c.dropHeld()
		c.dropOut()
		c.Conn.Close()
	}
}

func (c *conn) dropHeld() {
	c.shared.budget.give(c, len(c.held))
	c.held, c.holds = nil, nil
}

// dropOut drops what waits to be written at once: flush may take a while to see that
// the connection is closed, and others would wait for the room. The caller holds c.mu.
func (c *conn) dropOut() {
	c.shared.budget.give(c, len(c.out))
	c.recycle(c.out)
	c.out = nil
}

// ended closes a connection after a panic in one of its goroutines; it is given
// what recover returned.
func (c *conn) ended(panicked any) {
	if panicked == nil {
		return
	}
	c.shared.metrics.panics.Inc()
	what := fmt.Sprintf("a %T", panicked) // itself it may be what a client sent
	if e, ok := panicked.(runtime.Error); ok {
		what = e.Error()
	}
	c.shared.metrics.log.Error("connection ended by a panic", "client", c.id, "panic", what, "stack", string(debug.Stack()))
	c.Abort()
}

// closeSlow closes a connection whose client is too slow.
func (c *conn) closeSlow(cause string) {
	c.mu.Lock()
	already := c.closed
	c.mu.Unlock()
	if already {
		return
	}
	c.shared.metrics.slowClients.Inc()
	c.shared.refusals.say(slog.LevelWarn, "slow client disconnected", c.id, refusalKey{client: c.id, kind: "slow"}, "remote", c.RemoteAddr().String(), "cause", cause)
	c.Abort()
}

// disconnect sends an MQTT 5 client the reason and closes the connection. Any
// goroutine may call it.
func (c *conn) disconnect(code packets.Code, reason string) {
	_ = c.send(wire.AppendDisconnect(nil, code.Code, reason, c.maxPacket)) // it is closed in any case
	c.Close()
}
