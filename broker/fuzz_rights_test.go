package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// FuzzRights has three clients of three identities do what a program of bytes says,
// while their rights change. No client may get a message that it may not read, or
// that its publisher could not publish; nothing panics; nothing is left over.
func FuzzRights(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		program := make([]byte, 150)
		for i := range program {
			program[i] = byte(r.UintN(256))
		}
		f.Add(program)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		p := &play{t: t, walled: newWalled(t, playACLs[0]), program: program[:min(len(program), 300)]}
		for len(p.program) > 0 {
			p.step()
		}
		p.end()
	})
}

// A play is a program under way.
type play struct {
	t       testing.TB
	walled  *walled
	program []byte
	acl     int // of playACLs, in force
	before  int // the one before
	clients [3]player
	sent    int
}

// A player is one client; nil c: it is not connected.
type player struct {
	c        *client
	identity string
	older    bool // than the ACL: what is retained may have been on its way
}

var (
	playACLs = []string{
		"deny * open/deny/#\nread alice open/#\nread bob open/+\nread * mine/%i/#\nwrite * mine/%i/#\nwrite bob open/#\nwrite alice open/a\n",
		"deny * open/deny/#\nread bob open/+\nread * mine/%i/#\nwrite * mine/%i/#\nwrite bob open/#\n",
		"read alice open/#\nread * mine/%i/#\nwrite alice open/a\n",
	}
	playTopics  = []string{"open/a", "open/b/c", "open/deny/x", "open/deny", "mine/alice/x", "mine/bob/x", "mine/recv/x", "other"}
	playFilters = []string{"open/#", "open/+", "open/a", "#", "mine/+/x", "mine/alice/#", "mine/bob/x", "open/deny/#", "+/+", "$share/g/open/#", "$share/g/mine/bob/x"}
)

// mayPlay says by name what an ACL of playACLs allows.
func mayPlay(acl int, identity, verb, topic string) bool {
	if own := "mine/" + identity + "/"; strings.HasPrefix(topic, own) {
		return verb == "read" || acl < 2
	}
	denied := acl < 2 && (topic == "open/deny" || strings.HasPrefix(topic, "open/deny/"))
	switch open := strings.HasPrefix(topic, "open/") && !denied; {
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
	switch op := p.next(10); {
	case op == 0:
		p.change(p.next(len(playACLs)))
	case op <= 2 || slot.c == nil:
		p.connect(slot)
	case op == 3:
		slot.c.c.Close() // its will is published
		*slot = player{}
	case op <= 5:
		_ = slot.c.trySend(slot.c.subscribePacket(slot.c.nextID(), byte(p.next(3)), playFilters[p.next(len(playFilters))]))
	default:
		p.publish(slot)
	}
	p.drain()
}

func (p *play) connect(slot *player) {
	identity := []string{"alice", "bob", "recv"}[p.next(3)]
	how := p.next(256)
	h := hello{id: fmt.Sprint("c", p.next(3)), keep: how&1 == 1, v5: how&2 == 2, resume: how&4 == 4}
	if how&8 == 8 {
		h.willTopic, h.willRetain = playTopics[p.next(len(playTopics))], how&16 == 16
	}
	if slot.c != nil {
		slot.c.c.Close()
	}
	c, code, _ := tryConnect(p.t, p.walled.b.Addr(0), h.as(identity))
	if *slot = (player{c: c, identity: identity}); code != 0 {
		*slot = player{}
	}
}

func (p *play) publish(slot *player) {
	topic := playTopics[p.next(len(playTopics))]
	how := p.next(256)
	p.sent++
	// The payload says whether it could be published.
	payload := fmt.Sprintf("%s %v %d", slot.identity, mayPlay(p.acl, slot.identity, "write", topic), p.sent)
	_ = slot.c.trySend(slot.c.publishPacket(topic, payload, byte(how%3), how&4 == 4, slot.c.nextID()))
}

// drain reads what the clients have been sent so far.
func (p *play) drain() {
	for i := range p.clients {
		slot := &p.clients[i]
		if slot.c == nil {
			continue
		}
		if slot.c.trySend([]byte{packets.Pingreq << 4, 0}) != nil {
			*slot = player{}
			continue
		}
		for {
			got, err := slot.c.read(testTimeout)
			if err != nil {
				*slot = player{}
				break
			}
			if got.kind() == packets.Pingresp {
				break
			}
			if got.kind() == packets.Publish {
				p.check(slot, slot.c.parse(got))
			}
		}
	}
}

// check holds a message that a client got against the model.
func (p *play) check(slot *player, g got) {
	p.t.Helper()
	if strings.HasPrefix(g.topic, "hellox/") {
		return
	}
	if !mayPlay(p.acl, slot.identity, "read", g.topic) {
		p.t.Fatalf("under ACL %d %s got %+v", p.acl, slot.identity, g)
	}
	if words := strings.Fields(g.payload); words[0] != "will" {
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
	old := p.acl
	p.walled.change(playACLs[acl], walledUsers...)
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
			*slot = player{}
		}
	}
}

func (p *play) end() {
	for i := range p.clients {
		if c := p.clients[i].c; c != nil {
			c.c.Close()
		}
	}
	wait(p.t, "the connections end", func() bool { return len(p.walled.b.connections()) == 0 })
	if log := p.walled.said.String(); strings.Contains(log, "panic") {
		p.t.Errorf("the log: %s", log)
	}
	if n := p.walled.b.sessions.len(); n > 3 {
		p.t.Errorf("%d sessions of 3 client IDs", n)
	}
	p.walled.stop()
	if held := p.walled.b.shared.budget.used.Load(); held != 0 {
		p.t.Errorf("%d bytes are counted as held", held)
	}
}
