package nats

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"hellox/broker/rights"
	"hellox/stream"
)

// The accounts of nats-server, and the two users that connect within this process. No
// client may have a name with $.
const (
	Account       = "HELLOX" // of MQTT clients, receivers and all streams
	systemAccount = "SYS"
	// calloutAccount and the node's name is where it is asked who its clients are:
	// another one on each node, so that each answers for itself.
	calloutAccount = "AUTH-"
	internalUser   = "$hellox"
	calloutUser    = "$callout"
	clusterName    = "hellox"
)

// A Node is a broker alone, or one of several.
type Node struct {
	opts       Options
	config     *server.Options
	server     *server.Server
	callout    *callout
	local      *local // nil: there is none
	password   string // of this process's own users
	fatal      chan error
	prepared   atomic.Bool
	leaderless atomic.Bool // for longer than an election takes; of watchMajority
	started    atomic.Bool // nats-server has noted the port in config
	lock       *flock.Flock
	broken     atomic.Bool // a write has failed
	tooMany    string      // the other nodes that checkOthers has told of
	metrics    *metrics
}

// ErrInUse is of a store that another node has open.
var ErrInUse = errors.New("another node has it open")

// New returns a Node that has not been started. Its store is its own from here until
// Serve returns; ErrInUse if it is another one's.
func New(o Options) (_ *Node, err error) {
	o.Keep, o.KeepFor = cmp.Or(o.Keep, DefaultKeep), cmp.Or(o.KeepFor, DefaultKeepFor)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	n := &Node{opts: o, password: rand.Text(), fatal: make(chan error, 1), metrics: newMetrics()}
	if n.lock, err = lockStore(o.Store); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = n.lock.Unlock()
		}
	}()
	if err := n.openLocal(); err != nil {
		return nil, err
	}
	issuer, err := nkeys.CreateAccount()
	if err != nil {
		return nil, fmt.Errorf("make the key of the node's permissions: %w", err)
	}
	public, err := issuer.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("make the key of the node's permissions: %w", err)
	}
	if n.config, err = n.serverOptions(public); err != nil {
		return nil, err
	}
	if n.server, err = server.NewServer(n.config); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	n.server.SetLoggerV2(&serverLog{log: o.Log, fatal: n.fatal, broken: &n.broken}, false, false, false)
	n.callout = &callout{node: n, issuer: issuer, clients: map[uint64]*client{}}
	if o.Metrics != nil {
		if err := registerMetrics(n, o.Metrics); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// lockStore keeps other nodes from a folder: nats-server does not, and of two the last
// one to end would undo what the other one has acknowledged. The kernel's lock ends with
// the process; the file that carries it stays, for another process may wait for it.
func lockStore(folder string) (*flock.Flock, error) {
	fail := func(err error) (*flock.Flock, error) {
		return nil, fmt.Errorf("open the store %s: %w", folder, err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fail(err)
	}
	lock := flock.New(filepath.Join(folder, "hellox.lock"), flock.SetPermissions(0o600))
	switch held, err := lock.TryLock(); {
	case err != nil:
		return fail(err)
	case !held:
		return fail(ErrInUse)
	}
	return lock, nil
}

// openLocal prepares the listener for local clients, if there is one.
func (n *Node) openLocal() (err error) {
	if n.opts.Local != nil {
		n.local, n.opts.TLS, err = newLocal(n.opts.Local, n.opts.TLS, n.Address, n.lets)
	}
	return err
}

// serverOptions returns the configuration of nats-server. Passwords are those of this
// process: what asks and what is asked are in it.
func (n *Node) serverOptions(issuer string) (*server.Options, error) {
	o := &n.opts
	c := &server.Options{}
	auth := calloutAccount + o.Name
	hash, err := bcrypt.GenerateFromPassword([]byte(n.password), bcrypt.MinCost) // it is random: no guess hits
	if err != nil {
		return nil, fmt.Errorf("configure a node: %w", err)
	}
	err = c.ProcessConfigString(fmt.Sprintf(`
		accounts {
			%[1]q: { jetstream: enabled, users: [{ user: %[2]q, password: %[3]q }] }
			%[4]q: { users: [{ user: %[5]q, password: %[3]q }] }
			%[6]q: {}
		}
		system_account: %[6]q
		authorization { auth_callout { issuer: %[7]s, account: %[4]q, auth_users: [%[2]q, %[5]q] } }`,
		Account, internalUser, hash, auth, calloutUser, systemAccount, issuer))
	if err != nil {
		return nil, fmt.Errorf("configure a node: %w", err)
	}
	c.ServerName, c.Host, c.DontListen, c.NoSigs, c.NoLog = o.Name, "127.0.0.1", true, true, true
	c.JetStream, c.StoreDir, c.SyncAlways, c.DisableJetStreamBanner = true, o.Store, true, true
	c.AuthTimeout, c.MaxPayload = loginTimeout.Seconds(), maxPayload
	c.LameDuckDuration, c.LameDuckGracePeriod = o.LameDuck, -time.Millisecond
	if o.MQTT != nil {
		c.MQTT = server.MQTTOpts{
			Host: o.MQTT.IP.String(), Port: anyPort(o.MQTT), TLSConfig: o.TLS, TLSTimeout: loginTimeout.Seconds(),
			AuthTimeout: loginTimeout.Seconds(), StreamReplicas: o.replicas(), ConsumerInactiveThreshold: o.KeepFor,
		}
	}
	if o.Clients == nil && o.Routes != nil {
		o.Clients = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} // without one nats-server opens no routes
	}
	if o.Clients != nil {
		c.DontListen, c.Host, c.Port = false, o.Clients.IP.String(), anyPort(o.Clients)
		c.TLS, c.TLSVerify, c.TLSConfig, c.TLSTimeout = true, true, o.PeerTLS, loginTimeout.Seconds()
	}
	if o.Routes != nil {
		c.Cluster = server.ClusterOpts{
			Name: clusterName, Host: o.Routes.IP.String(), Port: anyPort(o.Routes), TLSConfig: o.PeerTLS, TLSTimeout: loginTimeout.Seconds(),
			PingInterval: routePing, MaxPingsOut: routePings,
		}
		c.Routes = o.routes()
	}
	return c, nil
}

// maxPayload is above the largest packet of hellox's clients: the history stores their
// messages with headers.
const maxPayload = stream.MaxPacket + 128<<10

// anyPort returns a port as nats-server takes it: -1 is any that is free.
func anyPort(a *net.TCPAddr) int { return cmp.Or(a.Port, -1) }

// A node that is cut off closes no route: it is known to be gone when it has not answered
// routePings pings, 6 to 9 s later. Until then others ask it for messages of a stream as they
// ask any node of it, and publishes to a stream that it leads go nowhere. By default that
// takes more than a minute.
const (
	routePing  = 3 * time.Second
	routePings = 2
)

// loginTimeout is the time from accept to a whole login.
const loginTimeout = 5 * time.Second

// endTimeout is the time from the end of Serve's context, without LameDuck, to its
// return. Where the other nodes are gone nats-server waits for their answers, 10 s and
// longer.
const endTimeout = 1800 * time.Millisecond

// Serve runs the node until ctx ends. It then returns within LameDuck and endTimeout: of
// a node that has not ended by then the process is to end, which is as safe as a kill.
func (n *Node) Serve(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- n.serve(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	bound := n.opts.LameDuck + endTimeout
	select {
	case err := <-ended:
		return err
	case <-time.After(bound):
		n.opts.Log.Warn("the node has not ended by itself, and is given up: what it has acknowledged is on disk", "name", n.opts.Name, "after", bound.String())
		return nil
	}
}

// serve runs the node until ctx ends and everything in it has, however long that takes.
func (n *Node) serve(ctx context.Context) error {
	n.server.Start()
	n.started.Store(true)
	defer func() { _ = n.lock.Unlock() }()
	defer n.shutdown()
	select {
	case err := <-n.fatal:
		return fmt.Errorf("start a node: %w", err)
	default:
	}
	callouts, err := n.connect(calloutUser)
	if err != nil {
		return err
	}
	defer callouts.Close()
	own, err := n.connect(internalUser)
	if err != nil {
		return err
	}
	defer own.Close()
	if err := n.callout.listen(callouts); err != nil {
		return err
	}
	defer n.callout.wait()
	ctx, end := context.WithCancel(ctx)
	defer n.background(ctx).Wait()
	defer end() // before that
	n.opts.Log.Info("listening", "mqtt", n.shown(), "tls", n.opts.TLS != nil, "name", n.opts.Name, "replicas", n.opts.replicas())
	n.checkPeers(ctx)
	if err := n.prepare(ctx, own); err != nil {
		return err
	}
	wait := n.startWatch(ctx, own)
	defer func() { end(); wait() }()
	sweep := time.NewTicker(sweepInterval)
	defer sweep.Stop()
	for {
		select {
		case err := <-n.fatal:
			return fmt.Errorf("run a node: %w", err)
		case <-sweep.C:
			n.callout.sweep(ctx)
			n.checkOthers()
		case <-ctx.Done():
			return nil
		}
	}
}

// background starts what runs beside the server until ctx ends, and returns what waits
// for it.
func (n *Node) background(ctx context.Context) *sync.WaitGroup {
	var running sync.WaitGroup
	running.Go(func() { n.heal(ctx) })
	if n.local == nil {
		return &running
	}
	n.opts.Log.Info("listening for local clients", "mqtt", n.opts.Local.Addr().String())
	running.Go(func() {
		if err := n.local.serve(ctx); err != nil {
			select {
			case n.fatal <- err:
			default: // another one came first
			}
		}
	})
	return &running
}

// shutdown ends the node. In a cluster others take over what it leads and, during
// LameDuck, its clients.
func (n *Node) shutdown() {
	n.prepared.Store(false)
	if n.opts.Routes != nil && n.opts.LameDuck > 0 {
		n.server.LameDuckShutdown()
	}
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

// connect returns a connection to the node within the process. It does not reconnect:
// it lasts as long as the node. A machine that is busy, as when all its pods start, may
// need more than the time that both sides give a login.
func (n *Node) connect(user string) (c *natsgo.Conn, err error) {
	for range 5 {
		c, err = natsgo.Connect("", natsgo.InProcessServer(n.server), natsgo.UserInfo(user, n.password), natsgo.Name(user), natsgo.NoReconnect(), natsgo.Timeout(loginTimeout))
		if err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("connect to the own node: %w", err)
}

// shown is Address for the log.
func (n *Node) shown() string {
	if n.opts.MQTT == nil {
		return "no client is let in"
	}
	return n.Address().String()
}

// Address returns where MQTT clients connect, if they may; until Serve has begun, where it was asked to.
func (n *Node) Address() net.Addr {
	a := *n.opts.MQTT
	if n.started.Load() {
		a.Port = n.config.MQTT.Port
	}
	return &a
}

// Recheck gives connected clients the rights that they have now: those that have lost
// some are disconnected.
func (n *Node) Recheck() { n.callout.recheck() }

// Ready returns why clients are not let in, or nil.
func (n *Node) Ready() error {
	if !n.prepared.Load() {
		return errNotReady
	}
	if err := n.withMost(); err != nil {
		return err
	}
	if h := n.server.Healthz(&server.HealthzOptions{JSMetaOnly: true}); h.Status != "ok" {
		return errors.New(h.Error)
	}
	return nil
}

// lets returns why no client is let in, or nil.
func (n *Node) lets() error {
	if !n.prepared.Load() {
		return errNotReady
	}
	return n.withMost()
}

var errNotReady = errors.New("the streams are not there yet: most of the nodes must be running, the first time all of them")

// errUnavailable is of a client that is not let in for a reason that is not its own.
var errUnavailable = errors.New("the broker is not ready")

// Degraded returns what does not work on this node although it lets clients in, or "".
func (n *Node) Degraded() string {
	if !n.prepared.Load() {
		return ""
	}
	if h := n.server.Healthz(&server.HealthzOptions{}); h.Status != "ok" {
		return h.Error
	}
	return ""
}

// gateRights returns the rights of clients that are not asked who they are.
func (n *Node) gateRights() *rights.Rights {
	if n.opts.Open {
		return rights.Open()
	}
	return rights.Insecure()
}
