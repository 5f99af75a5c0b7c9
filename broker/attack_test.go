package broker

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/rights"
	"hellox/stream/streamtest"
)

// An arena is a broker with two listeners, and the log that it writes.
type arena struct {
	t        testing.TB
	b        *Broker
	stop     func()
	options  Options
	said     *safeBuffer
	open     int // listener that allows everything but $SYS
	insecure int // listener that allows hello_world/# and hellox/#
}

type safeBuffer = streamtest.Buffer

func newArena(t testing.TB) *arena {
	a := &arena{t: t, said: &safeBuffer{}, insecure: 1}
	a.options = Options{
		Insecure: true, Store: t.TempDir(),
		Log: slog.New(slog.NewTextHandler(a.said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	a.start()
	return a
}

func (a *arena) start() {
	a.options.Listeners = []Listener{{Net: listenLoopback(a.t), Open: true}, {Net: listenLoopback(a.t)}}
	a.b, a.stop = startStop(a.t, a.options)
	a.t.Cleanup(a.stop)
}

func (a *arena) connect(listener int, h hello) *client {
	a.t.Helper()
	return connect(a.t, a.b.Addr(listener), h)
}

func (a *arena) refused(listener int, h hello, codes ...byte) {
	a.t.Helper()
	refused(a.t, a.b.Addr(listener), h, codes...)
}

// An attack is one row of the table of what has been let in by mochi's server, by
// other brokers, or by this one, with a control beside it: the same act by a
// client that may do it, or within the limit. Without it a dead broker would hold
// off everything.
type attack struct {
	name    string
	source  string // where it was let in
	attack  func(*arena)
	control func(*arena)
}

// A verdict counts attacks.
type verdict struct {
	mu                              sync.Mutex
	tried, letIn, survived, unclear int
}

// run tries one attack and its control.
func (v *verdict) run(t *testing.T, k attack) {
	held := t.Run("attack", func(t *testing.T) { k.attack(newArena(t)) })
	clear := t.Run("control", func(t *testing.T) { k.control(newArena(t)) })
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tried++
	switch {
	case !clear:
		v.unclear++
		fmt.Printf("unclear: %s (%s)\n", t.Name(), k.source)
	case !held:
		v.letIn++
		fmt.Printf("let in: %s (%s)\n", t.Name(), k.source)
	default:
		v.survived++
	}
}

// TestAttacks tries every row and prints how many were tried, let in, survived, and
// how many are unclear because their control failed. The first 16 are those of
// mochi v2.7.9's server, by the numbers of UPSTREAM.md.
func TestAttacks(t *testing.T) {
	var v verdict
	t.Cleanup(func() {
		fmt.Printf("attacks: tried %d, let in %d, survived %d, unclear %d\n", v.tried, v.letIn, v.survived, v.unclear)
	})
	memory := memoryAttacks()
	for i, k := range slices.Concat(upstreamAttacks(memory[0]), memory[1:], rightsAttacks(), podAttacks(), certificateAttacks(), loadAttacks(), protocolAttacks(), oddAttacks()) {
		t.Run(fmt.Sprintf("%d %s", i+1, k.name), func(t *testing.T) {
			// Those that measure the process's memory run alone: others wait.
			if !slices.ContainsFunc(memory, func(m attack) bool { return m.name == k.name }) {
				t.Parallel()
			}
			v.run(t, k)
		})
	}
}

// upstreamAttacks returns the rows of UPSTREAM.md; memory is the tenth.
func upstreamAttacks(memory attack) []attack { return slices.Insert(attacks(), 10-1, memory) }

// TestUpstreamRows holds the rows of UPSTREAM.md against the attacks that it names by
// their numbers: each is about the same place in mochi's code.
func TestUpstreamRows(t *testing.T) {
	text, err := os.ReadFile("UPSTREAM.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := upstreamAttacks(memoryAttacks()[0])
	seen := 0
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(line, "|")
		n, err := strconv.Atoi(strings.TrimSpace(columns[min(1, len(columns)-1)]))
		if err != nil {
			continue
		}
		seen++
		where, test := strings.TrimSpace(columns[3]), fmt.Sprintf("`TestAttacks/%d`", n)
		place, _, _ := strings.Cut(strings.ReplaceAll(rows[n-1].source, ",", ""), " ")
		if where != "same" && !strings.HasPrefix(where, place) || !strings.Contains(line, test) {
			t.Errorf("row %d is about %s, and attack %d (%s) about %s", n, where, n, rows[n-1].name, place)
		}
	}
	if seen != len(rows) {
		t.Errorf("%d rows, %d attacks", seen, len(rows))
	}
}

func attacks() []attack {
	return []attack{
		{"will on a topic that its client may not publish", "server.go:1516", func(a *arena) {
			a.refused(a.insecure, hello{id: "evil", willTopic: "secret/x"}, 5)
			a.refused(a.insecure, hello{id: "evil", willTopic: "secret/x", v5: true}, 0x87)
		}, func(a *arena) {
			a.willArrives(a.insecure, "hello_world/will")
		}},
		{"will on a topic with wildcards", "server.go:1516", func(a *arena) {
			a.refused(a.open, hello{id: "evil", willTopic: "ok/#/+"}, 5)
		}, func(a *arena) {
			a.willArrives(a.open, "ok/will")
		}},
		{"will on $SYS", "server.go:1516", func(a *arena) {
			a.refused(a.open, hello{id: "evil", willTopic: "$SYS/broker/version", willRetain: true}, 5)
		}, func(a *arena) {
			a.willArrives(a.open, "SYS/broker/version")
		}},
		{"the session of another, by its client id", "server.go:562", func(a *arena) {
			a.queueSecret()
			a.refused(a.insecure, hello{id: "victim", keep: true}, 2)
			a.refused(a.insecure, hello{id: "victim", keep: true, resume: true, v5: true}, 0x85)
		}, func(a *arena) {
			a.queueSecret()
			a.fetchSecret()
		}},
		{"the end of another's session, by a clean one", "server.go:562", func(a *arena) {
			a.queueSecret()
			a.refused(a.insecure, hello{id: "victim"}, 2)
			a.fetchSecret()
		}, func(a *arena) {
			a.queueSecret()
			a.connect(a.open, hello{id: "victim"}).disconnect() // its own
			if _, _, present := tryConnect(a.t, a.b.Addr(a.open), hello{id: "victim", keep: true}); present {
				a.t.Error("a clean session did not end the one before")
			}
		}},
		{"messages queued before a right was taken away", "server.go:562, clients.go:304", func(a *arena) {
			a.handOver()
			c := a.connect(a.insecure, hello{id: "victim", keep: true})
			if g := c.take(); g.payload != "public" {
				a.t.Errorf("got %+v, want only what may be read", g)
			}
			c.silent()
		}, func(a *arena) {
			a.handOver()
			c := a.connect(a.insecure, hello{id: "victim", keep: true})
			if g := c.take(); g.payload != "public" {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"a keep alive that overflows 16 bits", "clients.go:265", func(a *arena) {
			for _, keepalive := range []uint16{43691, 65535, 0} {
				c := a.connect(a.open, hello{id: "k", keepalive: keepalive})
				if err := c.untilClosed(time.Second); err == nil {
					a.t.Errorf("with keep alive %d the connection was closed at once", keepalive)
				}
				_, _, _ = tryConnect(a.t, a.b.Addr(a.open), hello{id: "k"})
				s := a.b.sessions.current("k")
				if s == nil {
					a.t.Fatal("no session")
				}
			}
			// MQTT 5 tells its client: Server Keep Alive is 1,200 s.
			c := dial(a.t, a.b.Addr(a.open))
			c.send(hello{id: "k5", v5: true}.packet())
			if ack := c.expect(packets.Connack); !bytes.Contains(ack.body, []byte{0x13, 1200 >> 8, 1200 & 0xff}) {
				a.t.Errorf("CONNACK %x does not say the keep alive", ack.body)
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "k", keepalive: 1})
			c.closed()
		}},
		{"a second CONNECT, to have the password logged", "server.go:529", func(a *arena) {
			c := a.connect(a.open, hello{id: "twice", user: "u", password: "swordfish"})
			c.send(hello{id: "twice", user: "u", password: "swordfish"}.packet())
			c.closed()
			a.stop()
			for _, secret := range []string{"swordfish", "c3dvcmRmaXNo"} {
				if strings.Contains(a.said.String(), secret) {
					a.t.Errorf("the log has the password, as %q", secret)
				}
			}
		}, func(a *arena) {
			a.connect(a.open, hello{id: "twice", user: "u", password: "swordfish"}).disconnect()
			a.stop()
			if !strings.Contains(a.said.String(), "client=twice") {
				a.t.Error("the log does not have the client")
			}
		}},
		{"a remaining length without end", "packets/codec.go DecodeLength", func(a *arena) {
			c := a.connect(a.open, hello{id: "long"})
			c.trySend(append([]byte{packets.Publish << 4}, bytes.Repeat([]byte{0x80}, 20_000)...))
			c.closed()
			fresh := dial(a.t, a.b.Addr(a.open))
			fresh.trySend(append([]byte{packets.Connect << 4}, bytes.Repeat([]byte{0x80}, 20_000)...))
			fresh.closed()
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "long"})
			c.subscribe(0, "x")
			// A length of two bytes where one would do is odd, and allowed.
			c.send(append([]byte{packets.Publish << 4, 0x84, 0x00}, "\x00\x01xy"...))
			if g := c.message(); g.payload != "y" {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"a connection that says nothing, or a byte a second", "server.go:406", func(a *arena) {
			silent := dial(a.t, a.b.Addr(a.open))
			slow := dial(a.t, a.b.Addr(a.open))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var writer sync.WaitGroup
			defer writer.Wait()
			writer.Go(func() {
				for _, b := range (hello{id: "slow"}).packet() {
					if slow.trySend([]byte{b}) != nil {
						return
					}
					select {
					case <-time.After(time.Second):
					case <-ctx.Done():
						return
					}
				}
			})
			for _, c := range []*client{silent, slow} {
				if err := c.untilClosed(connectTimeout + 3*time.Second); err != nil {
					a.t.Error(err)
				}
			}
			cancel()
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "quiet"})
			if err := c.untilClosed(connectTimeout + time.Second); err == nil {
				a.t.Error("a client that is let in was closed for its silence")
			}
		}},
		{"a SUBSCRIBE of 60,000 levels", "topics.go:479", func(a *arena) {
			c := a.connect(a.open, hello{id: "deep"})
			if code := c.subscribe(0, strings.Repeat("/", 60_000))[0]; code != 0x80 {
				a.t.Errorf("granted %#x", code)
			}
			if len(a.b.router.root.children) > 0 {
				a.t.Error("its levels are stored")
			}
			var many []string
			for i := range maxTopicFilters + 1 {
				many = append(many, fmt.Sprint(i))
			}
			if code := c.subscribe(0, many...)[0]; code != 0x80 {
				a.t.Errorf("%d filters are granted with %#x", len(many), code)
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "deep"})
			if code := c.subscribe(0, strings.Repeat("x/", maxLevels-1)+"x")[0]; code != 0 {
				a.t.Errorf("answered with %#x", code)
			}
			var many []string
			for i := range maxTopicFilters - 1 {
				many = append(many, fmt.Sprint(i))
			}
			if codes := c.subscribe(0, many...); bytes.ContainsFunc(codes, func(r rune) bool { return r != 0 }) {
				a.t.Errorf("answered with %#x", codes)
			}
		}},
		{"a PUBLISH of 60,000 levels", "topics.go:679", func(a *arena) {
			c := a.connect(a.open, hello{id: "deep"})
			c.send(c.publishPacket(strings.Repeat("/", 60_000), "x", 1, false, 1))
			c.closed()
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "deep"})
			topic := strings.Repeat("x/", maxLevels-1) + "x"
			c.subscribe(0, "#")
			c.publish(topic, "x", 1, false)
			if g := c.message(); g.topic != topic {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"file descriptors used up once", "listeners/tcp.go:78", func(a *arena) {
			a.descriptors(true)
		}, func(a *arena) {
			a.descriptors(false)
		}},
		{"filters and topics beside those allowed", "hooks/auth/ledger.go", func(a *arena) {
			c := a.connect(a.insecure, hello{id: "evil"})
			for _, topicFilter := range []string{
				"#", "+/#", "+/broadcast", "secret/#", "hello_world", "hello_worlds/#", "hello/+",
				"$share/g/#", "$share/g/secret/#", "$share//hello_world/#", "$share/hello_world/#", "$SYS/#", "$SYS/broker/version", "/hello_world/#", "hello_world/a#", "hello_world/#/a",
			} {
				// hello_world/# has hello_world itself; the others are beyond it.
				want := byte(0x80)
				if topicFilter == "hello_world" {
					want = 0
				}
				if code := c.subscribe(0, topicFilter)[0]; code != want {
					a.t.Errorf("%q is answered with %#x", topicFilter, code)
				}
			}
			spy := a.connect(a.open, hello{id: "spy"})
			spy.subscribe(0, "#")
			for _, topic := range []string{"secret/x", "hello_worlds/x", "hellox2", "$SYS/x", "/hello_world/x", "hello_world/+"} {
				c := a.connect(a.insecure, hello{id: "evil"})
				c.send(c.publishPacket(topic, "x", 1, false, 1))
				c.closed()
			}
			v5 := a.connect(a.insecure, hello{id: "evil", v5: true})
			v5.send(v5.publishPacket("secret/x", "x", 1, false, 1))
			if ack := v5.expect(packets.Puback); ack.body[2] != packets.ErrNotAuthorized.Code {
				a.t.Errorf("PUBACK %x", ack.body)
			}
			// An alias has no topic that the rights could be asked for.
			alias := append(str(nil, ""), 0, 1, 3, 0x23, 0, 1, 'x')
			v5.send(frame(packets.Publish<<4|2, alias))
			v5.closed()
			spy.silent()
		}, func(a *arena) {
			spy := a.connect(a.open, hello{id: "spy"})
			spy.subscribe(0, "#")
			c := a.connect(a.insecure, hello{id: "good"})
			for _, topicFilter := range []string{"hello_world/#", "hello_world/+/x", "hellox/presence/+", "hello_world/broadcast/a", "$share/g/hello_world/#"} {
				if code := c.subscribe(0, topicFilter)[0]; code != 0 {
					a.t.Errorf("%q is answered with %#x", topicFilter, code)
				}
			}
			c.publish("hello_world/x", "x", 1, false)
			if g := spy.message(); g.topic != "hello_world/x" {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"a subscriber that reads nothing, and pings", "server.go publishToClient", func(a *arena) {
			slow := a.connect(a.open, hello{id: "slow", keepalive: 60})
			slow.subscribe(0, "x")
			good := a.connect(a.open, hello{id: "good"})
			good.subscribe(0, "x")
			pub := a.connect(a.open, hello{id: "pub"})
			payload := strings.Repeat("x", 16<<10)
			most := int64(0)
			n := 0
			for a.b.sessions.current("slow") != nil {
				if n > 10_000 {
					a.t.Fatal("it is still connected")
				}
				if n%100 == 0 {
					slow.trySend([]byte{packets.Pingreq << 4, 0})
				}
				pub.publish("x", payload, 0, false)
				n++
				if g := good.message(); g.payload != payload {
					a.t.Fatal("the other subscriber got something else")
				}
				most = max(most, a.b.shared.budget.used.Load())
			}
			if most > clientBudget+1<<20 {
				a.t.Errorf("%d bytes were held for it", most)
			}
			if !strings.Contains(a.said.String(), "slow client disconnected") {
				a.t.Error("nothing is said of it")
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "good"})
			c.subscribe(0, "x")
			payload := strings.Repeat("x", 16<<10)
			for range 2000 { // twice what the other was cut off for
				c.publish("x", payload, 0, false)
				c.message()
			}
			if held := a.b.shared.budget.used.Load(); held > 1<<20 {
				a.t.Errorf("%d bytes are still held", held)
			}
		}},
	}
}

// willArrives checks that the will of a client that breaks off is published.
func (a *arena) willArrives(listener int, topic string) {
	a.t.Helper()
	spy := a.connect(a.open, hello{id: "spy"})
	spy.subscribe(1, "#")
	a.connect(listener, hello{id: "mortal", willTopic: topic, willQoS: 1}).c.Close()
	if g := spy.take(); g.topic != topic || g.payload != "will of mortal" {
		a.t.Errorf("got %+v", g)
	}
}

// queueSecret leaves a message for the session of a client that is away.
func (a *arena) queueSecret() {
	a.t.Helper()
	victim := a.connect(a.open, hello{id: "victim", keep: true})
	victim.subscribe(1, "secret/#", "hello_world/#")
	victim.disconnect()
	gone(a.t, a.b, "victim")
	a.connect(a.open, hello{id: "pub"}).publish("secret/x", "secret", 1, false)
}

func (a *arena) fetchSecret() {
	a.t.Helper()
	c, code, present := tryConnect(a.t, a.b.Addr(a.open), hello{id: "victim", keep: true})
	if code != 0 || !present {
		a.t.Fatalf("code %#x, session present %v", code, present)
	}
	if g := c.take(); g.payload != "secret" {
		a.t.Errorf("got %+v", g)
	}
}

// handOver makes the victim's session, with a secret and a public message, one
// of an identity that may only read the public one.
func (a *arena) handOver() {
	a.t.Helper()
	a.queueSecret()
	a.connect(a.open, hello{id: "pub"}).publish("hello_world/x", "public", 1, false)
	a.stop()
	db, err := sql.Open("sqlite", filepath.Join(a.options.Store, "broker.db"))
	if err != nil {
		a.t.Fatal(err)
	}
	_, err = db.Exec("UPDATE session SET owner = ?", rights.Anyone)
	if err = errors.Join(err, db.Close()); err != nil {
		a.t.Fatal(err)
	}
	a.start()
}

// heap returns how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestNoPublishIsLeftWaiting holds mochi's worst answer off: none. A
// publisher at QoS 1 either gets its PUBACK or loses its connection.
func TestNoPublishIsLeftWaiting(t *testing.T) {
	a := newArena(t)
	for _, topic := range []string{"$SYS/x", "a/+", "a/#", "$sys", "$SYSTEM/x", "$share/a/b", "$share"} {
		c := a.connect(a.open, hello{id: "p"})
		body := binary.BigEndian.AppendUint16(str(nil, topic), 1)
		c.send(frame(packets.Publish<<4|2, append(body, "x"...)))
		c.closed()
	}
}
