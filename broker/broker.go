package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"hellox/broker/journal"
	"hellox/broker/retained"
	"hellox/broker/rights"
	"hellox/broker/sharing"
)

// Options configures a Broker.
type Options struct {
	Listeners []Listener
	// Store is the folder of what must survive a restart. It is created if
	// missing. "": nothing survives.
	Store string
	// StoreLimit is how many bytes Store may take, at least 4 MiB; 0 means
	// 1 GiB (64 MiB in memory). Beyond it publishers get no acknowledgement
	// until what is queued has been fetched.
	StoreLimit int64
	// SessionQuota is how many bytes of messages may wait for one session in
	// Store, at most a quarter of what StoreLimit leaves for messages; 0 means
	// that quarter. A session beyond it ends. When Store is nearly full, so do
	// those of the user that holds most; without users, those that hold most.
	SessionQuota int64
	// Backpressure lists the client IDs of sessions that are not ended for
	// that: publishers get no acknowledgement until they have fetched, nor while one
	// of them has no subscription.
	Backpressure []string
	// Drain is the client ID of the only client that is let in, to fetch what waits for
	// its session. Then Serve ends. "": all are let in.
	Drain string
	// Insecure lets any client on a listener that is not Open publish and
	// subscribe hello_world/# and hellox/#.
	Insecure bool
	// Authority knows the clients of the listeners that are not Open.
	Authority rights.Authority
	Limits    Limits
	Log       *slog.Logger
	Metrics   prometheus.Registerer // nil: not registered
}

// A Broker is an MQTT broker. Its methods may be called from any goroutine.
type Broker struct {
	listeners []Listener
	gates     []gate // of the listeners
	limits    Limits
	drain     string // the only client ID that is let in; "": all are
	log       *slog.Logger
	metrics   *metrics
	now       func() time.Time

	shared   *shared
	journal  *journal.Journal
	router   router
	retained retained.Store
	sessions sessions
	awaited  *awaited
	hub      *sharing.Hub
	backoff  connectBackoff

	changed     chan struct{} // of capacity 1: Degraded has changed
	over        chan struct{} // of capacity 1: some session holds too much
	stop        chan struct{} // closed by beginStop
	beginStop   func()        // may be called more than once
	connected   atomic.Int64  // connections, from accept on
	connectedBy tally         // connections whose clients are let in
	halfOpen    halfOpen

	mu      sync.Mutex
	open    map[*conn]struct{}
	serving bool
	clients sync.WaitGroup // goroutines of connections
}

// New opens the store and prepares a broker. It takes over the listeners, also if
// it returns an error.
func New(o Options) (_ *Broker, err error) {
	defer func() {
		if err != nil {
			closeAll(o.Listeners)
		}
	}()
	var gates []gate
	for _, l := range o.Listeners {
		g, err := o.gateOf(l)
		if err != nil {
			return nil, err
		}
		gates = append(gates, g)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Metrics, o.Log)
	if err != nil {
		return nil, fmt.Errorf("register the broker's metrics: %w", err)
	}
	b := &Broker{
		listeners: o.Listeners, gates: gates, limits: o.Limits.withDefaults(), drain: o.Drain, log: o.Log, metrics: m, now: time.Now,
		open: map[*conn]struct{}{}, stop: make(chan struct{}), changed: make(chan struct{}, 1),
		over: make(chan struct{}, 1),
	}
	b.beginStop = sync.OnceFunc(func() { close(b.stop) })
	b.backoff.stop = b.stop
	b.shared = &shared{authority: o.Authority, metrics: m, now: b.now, refusals: refusalLog{log: o.Log, now: b.now}}
	b.shared.stall, b.shared.packet = b.limits.Write, b.limits.Packet
	b.shared.budget.open = b.connections
	b.shared.budget.perClient, b.shared.budget.total = int64(b.limits.ClientBytes), int64(b.limits.WaitingBytes)
	b.shared.buffers.New = func() any { return new([]byte) }
	if err := b.openStore(o); err != nil {
		return nil, err
	}
	if most := b.journal.Quota(); o.SessionQuota > most {
		b.log.Warn("session quota lowered to the most that the store allows", "asked", o.SessionQuota, "bytes", most)
	}
	return b, nil
}

// Serve accepts clients until ctx ends. Then it stops accepting, waits up to a
// second until pending messages are on disk and acknowledged, disconnects the
// clients, and closes listeners and store. With Options.Drain it ends by itself. Call it
// once. It returns an error if it ended for another reason.
func (b *Broker) Serve(ctx context.Context) error {
	defer b.beginStop()
	b.journal.Start()
	var loops, quota sync.WaitGroup
	stopQuota := make(chan struct{})
	quota.Go(func() { b.endOver(stopQuota) })
	lost := make(chan error, len(b.listeners))
	for i, l := range b.listeners {
		if g := b.gates[i]; g.fixed != nil && !l.Open {
			b.log.Warn("--insecure: every client that reaches this address may publish and subscribe hello_world/# and hellox/#, and no client ID is protected: each can take over the session of another", "listen", l.Net.Addr().String())
		}
		loops.Go(func() {
			if err := b.listen(l, b.gates[i]); err != nil && !b.stopping() {
				lost <- fmt.Errorf("listen on %s: %w", l.Net.Addr(), err)
			}
		})
	}
	loops.Go(b.endExpired)
	loops.Go(b.tellState)
	drained := make(chan struct{})
	if b.drain != "" {
		loops.Go(func() { b.awaitDrained(drained) })
	}
	b.setServing(true)
	b.log.Info("broker ready", "listeners", len(b.listeners), "sessions", b.sessions.len())
	if names := b.awaited.names(); names != "" {
		b.log.Info("publishers wait for sessions that --backpressure names", "clients", names)
	}

	var cause error
	select {
	case <-ctx.Done():
	case <-drained:
	case cause = <-lost:
	case cause = <-b.journal.Failed():
	}
	b.setServing(false)
	b.beginStop()
	closeAll(b.listeners)
	b.disconnectAll()
	loops.Wait()
	b.clients.Wait()
	b.hub.Close()
	close(stopQuota)
	quota.Wait()
	b.shared.flushes.Wait()
	return errors.Join(cause, b.journal.Close())
}

// awaitDrained closes drained once nothing waits for the session of Options.Drain. With
// no other client let in nothing can come.
func (b *Broker) awaitDrained(drained chan<- struct{}) {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	last, told := int64(-1), time.Time{}
	for {
		waiting := b.sessions.waiting(b.drain)
		if waiting == 0 {
			b.log.Info("drained: nothing waits any more", "client", b.drain)
			close(drained)
			return
		}
		if waiting != last && time.Since(told) >= time.Second {
			last, told = waiting, time.Now()
			b.log.Info("draining", "client", b.drain, "bytes", waiting)
		}
		select {
		case <-tick.C:
		case <-b.stop:
			return
		}
	}
}

// drainTick is how often is asked what waits for the session that is drained.
const drainTick = 100 * time.Millisecond

// disconnectAll sends the acknowledgements of what is on disk by now, and closes
// every connection.
func (b *Broker) disconnectAll() {
	b.journal.WaitSynced(time.Second)
	for _, c := range b.connections() {
		c.mu.Lock()
		c.lingers = shutdownLinger
		c.mu.Unlock()
		c.disconnect(packets.ErrServerShuttingDown, "the broker is stopping")
	}
}

// serve serves one connection until it ends.
func (b *Broker) serve(c *conn) {
	if !b.addConn(c) {
		c.Abort()
		return
	}
	defer b.removeConn(c)
	defer func() {
		// One odd packet must not end the process.
		c.ended(recover())
	}()
	err := b.handshake(c)
	if err == nil {
		err = (&handler{b, c}).run()
	}
	b.log.Debug("client left", "client", c.id, "remote", c.RemoteAddr().String(), "cause", err)
}

// startClient adds a connection's goroutine to those that Serve waits for. It
// returns false if Serve is stopping.
func (b *Broker) startClient() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping() {
		return false
	}
	b.clients.Add(1)
	return true
}

func (b *Broker) addConn(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping() {
		return false
	}
	b.open[c] = struct{}{}
	return true
}

// removeConn releases what the connection had.
func (b *Broker) removeConn(c *conn) {
	c.Close()
	defer c.finish()
	b.mu.Lock()
	delete(b.open, c)
	b.mu.Unlock()
	if c.counted {
		b.connectedBy.add(c.owner, -1)
	}
	for _, f := range c.takeFeeders() {
		f.close()
	}
	s := c.session
	if s == nil {
		return
	}
	mine := s.detach(c, &b.router, b.now())
	b.scheduleWill(c, s)
	if mine && b.sessions.removeIfEnded(s) {
		b.endSession(s, "")
	}
}

func (b *Broker) connections() []*conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*conn, 0, len(b.open))
	for c := range b.open {
		all = append(all, c)
	}
	return all
}

// Recheck gives every client the rights that it has now, after an Authority has
// changed. A connection that has lost some ends at once: what it was to be sent
// is dropped. A client that comes back finds its session and has what is left.
func (b *Broker) Recheck() {
	for _, c := range b.connections() {
		c.recheck()
	}
}

// Degraded returns why publishers get no acknowledgement, in one sentence, or "".
// Subscribers are served all the same.
func (b *Broker) Degraded() string {
	if cause, _ := b.journal.Degraded(); cause != "" {
		return cause
	}
	cause, _ := b.awaited.degraded()
	return cause
}

// Ready returns nil while clients are accepted. A degraded broker is ready:
// otherwise subscribers could not fetch what fills it.
func (b *Broker) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.serving {
		return errors.New("the broker is not serving")
	}
	return nil
}

func (b *Broker) setServing(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.serving = yes
}

func (b *Broker) stopping() bool {
	select {
	case <-b.stop:
		return true
	default:
		return false
	}
}
