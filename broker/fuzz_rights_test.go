package broker

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/retained"
	"hellox/broker/rights"
)

// FuzzRights has three clients of three identities do what a program of bytes says,
// packets that are not valid among it, while their rights change. No client may get
// a message that it may not read, or that its publisher could not publish; nothing
// panics; nothing is left over.
//
// All programs that a process tries have one broker, whose connections, store and
// rights are in memory: a broker of its own for each would let ten a minute pass.
func FuzzRights(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		program := make([]byte, 150)
		for i := range program {
			program[i] = byte(r.UintN(256))
		}
		f.Add(program)
	}
	s := newStage(f)
	f.Fuzz(func(t *testing.T, program []byte) {
		(&play{t: t, stage: s, program: program[:min(len(program), 300)]}).run()
	})
}

// A stage is the broker that plays use one after the other.
type stage struct {
	b      *Broker
	wall   *playWall
	acls   []*rights.ACL // of playACLs
	pipes  *pipeListener
	errors *safeBuffer // what the broker logs as an error
	plays  int
}

func newStage(t testing.TB) *stage {
	s := &stage{wall: &playWall{}, pipes: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}, errors: &safeBuffer{}}
	for _, text := range playACLs {
		acl, err := rights.ParseACL(text)
		if err != nil {
			t.Fatal(err)
		}
		s.acls = append(s.acls, acl)
	}
	s.wall.acl.Store(s.acls[0])
	b, stop := startStop(t, Options{
		Listeners: []Listener{{Net: s.pipes}}, Authority: s.wall,
		Log: slog.New(slog.NewTextHandler(s.errors, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	s.b = b
	t.Cleanup(stop)
	return s
}

// A playWall lets in each user by its password, under an ACL that a play changes.
type playWall struct{ acl atomic.Pointer[rights.ACL] }

func (w *playWall) Login(_ context.Context, c rights.Credentials) (rights.Login, error) {
	if !slices.Contains(walledUsers, c.User) || string(c.Password) != "secret of "+c.User {
		return rights.Login{}, rights.ErrLogin
	}
	return rights.Login{Identity: c.User}, nil
}

func (w *playWall) MayUse(_ rights.Login, clientID string) error {
	return rights.CheckClientID(clientID)
}

func (w *playWall) Rights(l rights.Login, clientID string) *rights.Rights {
	return w.acl.Load().Rights(l.Identity, clientID)
}

// A pipeListener accepts connections in memory: those of TCP would run out of ports.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.close.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (l *pipeListener) dial(t testing.TB) *client {
	ours, its := net.Pipe()
	l.conns <- its
	return &client{t: t, c: ours, r: bufio.NewReader(ours)}
}

// A play is a program under way.
type play struct {
	t       testing.TB
	stage   *stage
	program []byte
	acl     int // of playACLs, in force
	before  int // the one before
	clients [3]player
	sent    int
	got     int // messages delivered
}

// A player is one client; nil c: it is not connected.
type player struct {
	c        *client
	identity string
	older    bool // than the ACL: what is retained may have been on its way
}

func (s *player) leave() {
	if s.c != nil {
		s.c.c.Close()
	}
	*s = player{}
}

var (
	playACLs = []string{
		"deny * open/deny/#\nread alice open/#\nread bob open/+\nread * mine/%i/#\nwrite * mine/%i/#\nwrite bob open/#\nwrite alice open/a\n",
		"deny * open/deny/#\nread bob open/+\nread * mine/%i/#\nwrite * mine/%i/#\nwrite bob open/#\n",
		"read alice open/#\nread * mine/%i/#\nwrite alice open/a\n",
	}
	playUsers   = []string{"alice", "bob", "recv"}
	playTopics  = []string{"open/a", "open/b/c", "open/deny/x", "open/deny", "mine/alice/x", "mine/bob/x", "mine/recv/x", "other"}
	playFilters = []string{"open/#", "open/+", "open/a", "#", "mine/+/x", "mine/alice/#", "mine/bob/x", "open/deny/#", "+/+", "$share/g/open/#", "$share/g/mine/bob/x"}
)

// mayPlay says by name what an ACL of playACLs allows.
func mayPlay(acl int, identity, verb, topic string) bool {
	if own := "mine/" + identity; topic == own || strings.HasPrefix(topic, own+"/") {
		return verb == "read" || acl < 2
	}
	denied := acl < 2 && (topic == "open/deny" || strings.HasPrefix(topic, "open/deny/"))
	open := (topic == "open" || strings.HasPrefix(topic, "open/")) && !denied
	switch {
	case verb == "read" && identity == "alice":
		return open && acl != 1
	case verb == "read" && identity == "bob":
		return open && acl < 2 && strings.Count(topic, "/") == 1
	case verb == "write" && identity == "bob":
		return open && acl < 2
	case verb == "write" && identity == "alice":
		return topic == "open/a" && acl != 1
	}
	return false
}

func (p *play) run() {
	p.stage.plays++
	p.stage.wall.acl.Store(p.stage.acls[0])
	for i, first := range []string{"open/#", "open/+", "mine/recv/x"} {
		slot := &p.clients[i]
		p.let(slot, hello{id: fmt.Sprint("c", i), keep: i == 0, v5: i == 1}, playUsers[i])
		_ = slot.c.trySend(slot.c.subscribePacket(slot.c.nextID(), byte(i), first))
	}
	for len(p.program) > 0 {
		p.step()
	}
	p.end()
}

func (p *play) next(n int) int {
	if len(p.program) == 0 {
		return 0
	}
	b := int(p.program[0])
	p.program = p.program[1:]
	return b % n
}

func (p *play) step() {
	slot := &p.clients[p.next(3)]
	switch op := p.next(32); {
	case op == 0:
		p.change(p.next(len(playACLs)))
	case op == 1:
		p.oddConnect()
	case op <= 4 || slot.c == nil:
		p.connect(slot)
	case op == 5:
		slot.leave() // its will is published
	case op == 6:
		p.disconnect(slot)
	case op <= 11:
		_ = slot.c.trySend(slot.c.subscribePacket(slot.c.nextID(), byte(p.next(3)), playFilters[p.next(len(playFilters))]))
	case op == 12:
		_ = slot.c.trySend(slot.c.unsubscribePacket(playFilters[p.next(len(playFilters))]))
	case op == 13: // of a message that it got, or of none
		kind := []byte{packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp}[p.next(4)]
		_ = slot.c.trySend(ackPacket(kind, uint16(p.next(16))))
	case op == 14:
		p.odd(slot)
	default:
		p.publish(slot)
	}
	p.drain(slot)
}

func (c *client) unsubscribePacket(topicFilter string) []byte {
	b := []byte{byte(c.nextID() >> 8), byte(c.id)}
	if c.v5 {
		b = append(b, 0)
	}
	return frame(packets.Unsubscribe<<4|2, str(b, topicFilter))
}

// hello returns what a client says first, and its identity.
func (p *play) hello() (hello, string) {
	identity := playUsers[p.next(len(playUsers))]
	how := p.next(256)
	h := hello{id: fmt.Sprint("c", p.next(3)), keep: how&1 == 1, v5: how&2 == 2, resume: how&4 == 4}
	if how&8 == 8 {
		h.willTopic, h.willRetain = playTopics[p.next(len(playTopics))], how&16 == 16
	}
	return h, identity
}

func (p *play) connect(slot *player) {
	h, identity := p.hello()
	slot.leave()
	p.let(slot, h, identity)
}

// let has a client connect; one that is refused has none.
func (p *play) let(slot *player, h hello, identity string) {
	c := p.stage.pipes.dial(p.t)
	c.v5 = h.v5
	c.send(h.as(identity).packet())
	if ack, err := c.read(testTimeout); err != nil || ack.kind() != packets.Connack || ack.body[1] != 0 {
		c.c.Close()
		return
	}
	*slot = player{c: c, identity: identity}
}

// oddConnect connects with a packet that may be no CONNECT.
func (p *play) oddConnect() {
	h, identity := p.hello()
	c := p.stage.pipes.dial(p.t)
	defer c.c.Close()
	_ = c.trySend(p.bend(h.as(identity).packet()))
	if _, err := c.read(testTimeout); err != nil && strings.Contains(err.Error(), "timeout") {
		p.t.Errorf("a first packet has no answer: %v", err)
	}
}

// odd sends a packet that may not be valid.
func (p *play) odd(slot *player) {
	c := slot.c
	var packet []byte
	switch p.next(5) {
	case 0:
		packet = c.publishPacket(playTopics[p.next(len(playTopics))], "odd", byte(p.next(3)), p.next(2) == 0, c.nextID())
	case 1:
		packet = c.subscribePacket(c.nextID(), 1, playFilters[p.next(len(playFilters))])
	case 2:
		packet = frame(packets.Disconnect<<4, []byte{4, 5, 0x11, 0, 0, 0, byte(p.next(256))})
	case 3:
		packet = frame(packets.Auth<<4, []byte{0x18, 0})
	default:
		packet = hello{id: "c0"}.as("alice").packet()
	}
	_ = c.trySend(p.bend(packet))
}

// bend changes up to three bytes of a packet, but not its length: the broker would
// wait for the rest.
func (p *play) bend(packet []byte) []byte {
	for range p.next(4) {
		if i := p.next(len(packet)); i == 0 || i > 2 || packet[1] < 0x80 && i > 1 {
			packet[i] ^= byte(p.next(256))
		}
	}
	return packet
}

func (p *play) disconnect(slot *player) {
	packet := []byte{packets.Disconnect << 4, 0}
	if slot.c.v5 && p.next(2) == 0 {
		packet = []byte{packets.Disconnect << 4, 1, packets.CodeDisconnectWillMessage.Code}
	}
	_ = slot.c.trySend(packet)
	slot.leave()
}

func (p *play) publish(slot *player) {
	topic := playTopics[p.next(len(playTopics))]
	how := p.next(256)
	p.sent++
	// The payload says whether it could be published.
	payload := fmt.Sprintf("%s %v %d", slot.identity, mayPlay(p.acl, slot.identity, "write", topic), p.sent)
	_ = slot.c.trySend(slot.c.publishPacket(topic, payload, byte(how%3), how&4 == 4, slot.c.nextID()))
}

// drain reads what a client has been sent so far: the broker has handled then what
// the client sent.
func (p *play) drain(slot *player) {
	if slot.c == nil {
		return
	}
	if slot.c.trySend([]byte{packets.Pingreq << 4, 0}) != nil {
		slot.leave()
		return
	}
	for {
		got, err := slot.c.read(testTimeout)
		if err != nil {
			slot.leave()
			return
		}
		switch got.kind() {
		case packets.Pingresp:
			return
		case packets.Publish:
			p.check(slot, slot.c.parse(got))
		}
	}
}

// check holds a message that a client got against the model.
func (p *play) check(slot *player, g got) {
	p.t.Helper()
	if strings.HasPrefix(g.topic, "hellox/") {
		return
	}
	p.got++
	if !mayPlay(p.acl, slot.identity, "read", g.topic) {
		p.t.Fatalf("under ACL %d %s got %+v", p.acl, slot.identity, g)
	}
	// Others are last wills, and what was bent.
	if words := strings.Fields(g.payload); len(words) == 3 && slices.Contains(playUsers, words[0]) {
		kept := mayPlay(p.acl, words[0], "write", g.topic) || slot.older && mayPlay(p.before, words[0], "write", g.topic)
		if words[1] != "true" || g.retain && !kept {
			p.t.Fatalf("under ACL %d %s published %+v", p.acl, words[0], g)
		}
	}
	switch g.qos {
	case 1:
		_ = slot.c.trySend(ackPacket(packets.Puback, g.id))
	case 2:
		_ = slot.c.trySend(ackPacket(packets.Pubrec, g.id))
	}
}

// change puts another ACL in force. What a connection that ends by it had been sent
// before is not read.
func (p *play) change(acl int) {
	for i := range p.clients {
		p.drain(&p.clients[i])
	}
	old := p.acl
	p.stage.wall.acl.Store(p.stage.acls[acl])
	p.stage.b.Recheck()
	p.before, p.acl = old, acl
	for i := range p.clients {
		slot := &p.clients[i]
		slot.older = true
		lost := slices.ContainsFunc(playTopics, func(topic string) bool {
			return slices.ContainsFunc([]string{"read", "write"}, func(verb string) bool {
				return mayPlay(old, slot.identity, verb, topic) && !mayPlay(acl, slot.identity, verb, topic)
			})
		})
		if slot.c != nil && lost {
			slot.c.closed()
			slot.leave()
		}
	}
}

// end has all leave, ends their sessions, and looks for what is left.
func (p *play) end() {
	for i := range p.clients {
		p.drain(&p.clients[i])
		p.clients[i].leave()
	}
	// What a connection does at its end comes a moment later; go test takes an input
	// that takes 10 seconds for one that hangs.
	deadline := time.Now().Add(5 * time.Second)
	for left := p.left(); left != ""; left = p.left() {
		if time.Now().After(deadline) {
			p.t.Fatal("left are " + left)
		}
		p.clear()
		time.Sleep(100 * time.Microsecond)
	}
	if log := p.stage.errors.String(); log != "" {
		p.t.Errorf("the log: %s", log)
	}
}

// left says what clients that have left and sessions that have ended leave, or "".
func (p *play) left() string {
	b := p.stage.b
	b.router.mu.RLock()
	defer b.router.mu.RUnlock()
	var all []string
	for what, n := range map[string]int64{
		"connections": int64(len(b.connections())), "accepted connections": b.connected.Load(),
		"sessions": int64(b.sessions.len()), "retained messages": int64(b.retained.Len()), "levels of topic filters": int64(len(b.router.root.children)),
		"shared subscriptions": int64(len(b.router.shared)),
		"bytes for clients":    b.shared.budget.used.Load(), "messages unreleased": b.shared.budget.unreleased.Load(),
	} {
		if n != 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	// The journal deletes a few times a second: not every play waits for it.
	if n := b.journal.Stats().Bytes; n != 0 && p.stage.plays%100 == 0 {
		all = append(all, fmt.Sprintf("%d bytes in the journal", n))
	}
	return strings.Join(all, ", ")
}

// clear ends the sessions and drops what is retained.
func (p *play) clear() {
	b := p.stage.b
	for _, s := range b.sessions.all() {
		if b.sessions.remove(s) {
			b.endSession(s, "the play is over")
		}
	}
	var at retained.Cursor
	for topics := b.retained.Next("#", &at, 100); len(topics) > 0; topics = b.retained.Next("#", &at, 100) {
		for _, topic := range topics {
			b.retained.Put(topic, nil)
			b.journal.Retain(topic, 0, nil)
		}
	}
}

// all returns the sessions.
func (a *sessions) all() (all []*session) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.byID {
		all = append(all, s)
	}
	return all
}

// TestPlays has the programs deliver something: else FuzzRights would find nothing
// because nothing came.
func TestPlays(t *testing.T) {
	s, r, got := newStage(t), rand.New(rand.NewPCG(9, 10)), 0
	for range 100 {
		p := &play{t: t, stage: s}
		for range 300 {
			p.program = append(p.program, byte(r.UintN(256)))
		}
		p.run()
		got += p.got
	}
	if got < 100 {
		t.Errorf("%d messages were delivered in 100 programs", got)
	}
}
