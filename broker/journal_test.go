package broker

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"modernc.org/sqlite"

	"hellox/broker/journal"
)

// disk is held by a test that wants no store to commit, and shared by each commit.
var disk sync.RWMutex

// holdDisk keeps every commit waiting until release is called.
func holdDisk() (release func()) {
	disk.Lock()
	return disk.Unlock
}

// holdable makes each commit of a SQLite connection wait for the disk.
func holdable(c sqlite.ExecQuerierContext, _ string) error {
	c.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
		disk.RLock()
		defer disk.RUnlock()
		return 0
	})
	return nil
}

// away makes a session with a subscription and leaves.
func away(t testing.TB, b *Broker, id string, topicFilters ...string) {
	t.Helper()
	awayAt(t, b.Addr(0), id, topicFilters...)
}

func awayAt(t testing.TB, addr net.Addr, id string, topicFilters ...string) {
	t.Helper()
	c := connect(t, addr, hello{id: id, keep: true})
	c.subscribe(1, topicFilters...)
	c.disconnect()
}

// gone waits until the broker knows that a client has left.
func gone(t testing.TB, b *Broker, id string) {
	t.Helper()
	wait(t, id+" has left", func() bool {
		s := b.sessions.current(id)
		if s == nil {
			return true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.conn == nil
	})
}

// connOf returns the connection of a client that is connected: the broker lets it have
// its session a moment after the CONNACK.
func connOf(t testing.TB, b *Broker, id string) (c *conn) {
	t.Helper()
	wait(t, id+" has its session", func() bool {
		if s := b.sessions.current(id); s != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			c = s.conn
		}
		return c != nil
	})
	return c
}

// Invariant 1: no acknowledgement leaves before the disk has what it
// acknowledges.
func TestAcknowledgedIsOnDisk(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{Store: t.TempDir()})
		away(t, b, "sub", "x")
		pub := connect(t, b.Addr(0), hello{id: "pub", keep: true, v5: v5})
		unheard := func(kind byte) {
			t.Helper()
			pub.send([]byte{packets.Pingreq << 4, 0})
			pub.expect(packets.Pingresp) // it is alive
			for _, p := range pub.pending {
				if p.kind() == kind {
					t.Fatalf("%s came before the disk had it", packets.PacketNames[kind])
				}
			}
		}
		for kind, packet := range map[byte][]byte{
			packets.Puback: pub.publishPacket("x", "1", 1, false, 1),
			packets.Pubrec: pub.publishPacket("x", "2", 2, false, 2),
			packets.Suback: pub.subscribePacket(3, 1, "y"),
		} {
			release := holdDisk()
			pub.send(packet)
			unheard(kind)
			// A later packet that needs no disk does not overtake it either.
			pub.send(pub.publishPacket("nobody", "3", 1, false, 4))
			unheard(packets.Puback)
			release()
			pub.expect(kind)
			pub.expect(packets.Puback)
		}
	})
}

// A message that no session will fetch later needs no disk, and does not wait for it.
func TestWithoutSessionsNothingWaits(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	sub := connect(t, b.Addr(0), hello{id: "sub"})
	sub.subscribe(1, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	defer holdDisk()()
	pub.publish("x", "1", 1, false)
	if g := sub.take(); g.payload != "1" {
		t.Errorf("got %+v", g)
	}
}

// Invariant 2: after a reconnect a session starts at its cursor, and nothing
// newer comes before.
func TestRedeliveryComesFirst(t *testing.T) {
	b := start(t, Options{})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for n := range 50 {
		pub.publish("x", strconv.Itoa(n), 1, false)
	}
	for n := range 50 {
		if g := sub.message(); g.payload != strconv.Itoa(n) {
			t.Fatalf("got %q, want %d", g.payload, n)
		} else if n < 20 {
			sub.ack(g.id)
		}
	}
	sub.silent()
	sub.c.Close()
	gone(t, b, "sub")
	for n := range 50 {
		pub.publish("x", strconv.Itoa(50+n), 1, false)
	}
	sub = connect(t, b.Addr(0), hello{id: "sub", keep: true})
	for n := 20; n < 100; n++ {
		g := sub.take()
		if g.payload != strconv.Itoa(n) || g.dup != (n < 50) {
			t.Fatalf("got %q (dup %v), want %d", g.payload, g.dup, n)
		}
	}
	sub.silent()
}

// A client gets 1,000 unacknowledged messages; the others follow as acknowledgements come.
func TestWindow(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("outlives its connection %v", keep), func(t *testing.T) {
			b := start(t, Options{})
			sub := connect(t, b.Addr(0), hello{id: "sub", keep: keep})
			sub.subscribe(1, "#")
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			const all = 2 * maxInflight
			for n := range all {
				pub.send(pub.publishPacket("x", strconv.Itoa(n), 1, false, uint16(n+1)))
			}
			var ids []uint16
			for n := range maxInflight {
				g := sub.message()
				if g.payload != strconv.Itoa(n) {
					t.Fatalf("got %q, want %d", g.payload, n)
				}
				ids = append(ids, g.id)
			}
			sub.silent()
			for _, id := range ids {
				sub.ack(id)
			}
			for n := maxInflight; n < all; n++ {
				if g := sub.take(); g.payload != strconv.Itoa(n) {
					t.Fatalf("got %q, want %d", g.payload, n)
				}
			}
		})
	}
}

// MQTT 5 clients say how many they take.
func TestReceiveMaximum(t *testing.T) {
	b := start(t, Options{})
	sub := connect(t, b.Addr(0), hello{id: "sub", v5: true, receiveMaximum: 2})
	sub.subscribe(1, "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for n := range 3 {
		pub.publish("x", strconv.Itoa(n), 1, false)
	}
	first := sub.message()
	sub.message()
	sub.silent()
	sub.ack(first.id)
	if g := sub.take(); g.payload != "2" {
		t.Errorf("got %+v", g)
	}
}

// The packet ids of the two directions have nothing to do with each other:
// with mochi's own queue a PUBLISH would delete what is in flight under its id,
// and a SUBSCRIBE be refused (server.go:893, 1244).
func TestIDsOfBothDirections(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{})
		c := connect(t, b.Addr(0), hello{id: "c", keep: true, v5: v5})
		c.subscribe(1, "in")
		pub := connect(t, b.Addr(0), hello{id: "pub"})
		for n := range 5 {
			pub.publish("in", strconv.Itoa(n), 1, false)
		}
		var ids []uint16
		for range 5 {
			ids = append(ids, c.message().id)
		}
		for _, id := range ids {
			c.send(c.publishPacket("out", "x", 1, false, id))
			c.expect(packets.Puback)
			c.send(c.publishPacket("out", "x", 2, false, id))
			c.expect(packets.Pubrec)
			c.send(c.subscribePacket(id+10, 1, "more"))
			if codes := c.expect(packets.Suback).body; codes[len(codes)-1] != 1 {
				t.Errorf("SUBSCRIBE with id %d is answered with %#x", id, codes)
			}
		}
		c.c.Close()
		c, _, present := tryConnect(t, b.Addr(0), hello{id: "c", keep: true, resume: true, v5: v5})
		if !present {
			t.Fatal("the session is gone")
		}
		for n := range 5 {
			if g := c.take(); g.payload != strconv.Itoa(n) {
				t.Errorf("got %q, want %d", g.payload, n)
			}
		}
	})
}

// A session whose client never comes back holds its own messages only, not what
// stands behind them in the journal.
func TestForgottenSessionHoldsItsOwn(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	away(t, b, "forgotten", "rare")
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "busy")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.publish("rare", "1", 1, false)
	for range 100 {
		pub.publish("busy", strings.Repeat("x", 1000), 1, false)
		sub.take()
	}
	wait(t, "only one batch is needed", func() bool { return b.journal.Stats().Batches == 1 })
	stop()
	if n := rowsIn(t, store); n != 1 {
		t.Errorf("%d batches are in the file", n)
	}
	b = start(t, Options{Store: store})
	c := connect(t, b.Addr(0), hello{id: "forgotten", keep: true})
	if g := c.take(); g.payload != "1" {
		t.Errorf("got %+v", g)
	}
}

// A session that is away has in memory what grows with the bytes that wait for
// it, not with their number: of a message every millisecond, each has a commit
// of its own.
func TestBatchesOfSmallCommits(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	away(t, b, "sub", "x")
	online := connect(t, b.Addr(0), hello{id: "online", keep: true})
	online.subscribe(1, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	const all = 1500
	payload := strings.Repeat("x", 200)
	for n := range all {
		pub.publish("x", payload+strconv.Itoa(n), 1, false) // until its PUBACK
		if n == all/2 {
			online.disconnect() // with all that it got unacknowledged
		}
	}
	few := func() {
		t.Helper()
		got := b.journal.Stats()
		if most := int(got.Bytes/journal.SegmentBytes)*2 + 2; got.LastSeq < all || got.Batches > most {
			t.Errorf("%d batches in memory for %d rows of %d bytes, want at most %d", got.Batches, got.LastSeq, got.Bytes, most)
		}
	}
	few()
	stop()
	b, stop = startStop(t, Options{Store: store})
	few()
	for _, id := range []string{"sub", "online"} {
		c := connect(t, b.Addr(0), hello{id: id, keep: true})
		for n := range all {
			if g := c.take(); g.payload != payload+strconv.Itoa(n) {
				t.Fatalf("%s got %q, want %d", id, g.payload[len(payload):], n)
			}
		}
		c.silent()
	}
	wait(t, "nothing is stored", func() bool { return b.journal.Stats().Bytes == 0 })
	stop()
	if n := rowsIn(t, store); n != 0 {
		t.Errorf("%d rows are in the file", n)
	}
}

// rowsIn counts the rows of messages in a store that is not open.
func rowsIn(t *testing.T, store string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(store, "broker.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.QueryRow("SELECT count(*) FROM batch").Scan(&n)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}

// Invariant 3: the cursor in the file never passes what is not acknowledged.
func TestCursorInFile(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for n := range 10 {
		pub.publish("x", strconv.Itoa(n), 1, false)
	}
	for n := range 10 {
		if g := sub.message(); n != 3 { // 3 stays open
			sub.ack(g.id)
		}
	}
	sub.silent()
	stop() // writes the cursors
	b = start(t, Options{Store: store})
	sub = connect(t, b.Addr(0), hello{id: "sub", keep: true})
	for n := 3; n < 10; n++ {
		if g := sub.take(); g.payload != strconv.Itoa(n) {
			t.Fatalf("got %q, want %d", g.payload, n)
		}
	}
}

// Invariants 5 and 6: at its limit the store takes nothing more, and says so;
// subscribers, pings and QoS 0 go on; when there is room, all heals.
func TestStoreLimit(t *testing.T) {
	store := t.TempDir()
	b := start(t, Options{Store: store, StoreLimit: journal.MinLimit, Backpressure: []string{"receiver"}})
	away(t, b, "receiver", "x")
	live := connect(t, b.Addr(0), hello{id: "live"})
	live.subscribe(0, "x")
	payload := strings.Repeat("x", 10<<10)
	acked := 0
	for b.Degraded() == "" {
		pub := connect(t, b.Addr(0), hello{id: fmt.Sprint("pub", acked)})
		pub.send(pub.publishPacket("x", payload+strconv.Itoa(acked), 1, false, 1))
		p, err := pub.read(testTimeout)
		if err != nil {
			break
		}
		if p.kind() == packets.Puback {
			acked++
		}
		live.message()
	}
	if b.Degraded() == "" || b.Ready() != nil {
		t.Fatalf("degraded %q, ready %v", b.Degraded(), b.Ready())
	}
	t.Logf("%d acknowledged, then: %s", acked, b.Degraded())

	// A QoS 1 message is not acknowledged, and no client gets it.
	pub := connect(t, b.Addr(0), hello{id: "late"})
	pub.send(pub.publishPacket("x", "refused", 1, false, 1))
	pub.closed()
	if len(pub.pending) > 0 {
		t.Fatalf("it was answered: %x", pub.pending)
	}
	// QoS 0 and pings go on.
	pub = connect(t, b.Addr(0), hello{id: "other"})
	pub.publish("x", "at 0", 0, false)
	if g := live.message(); g.payload != "at 0" {
		t.Fatalf("got %.20q", g.payload)
	}
	live.silent()

	receiver := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
	for n := range acked {
		if g := receiver.take(); g.payload != payload+strconv.Itoa(n) {
			t.Fatalf("message %d is another", n)
		}
	}
	wait(t, "it heals", func() bool { return b.Degraded() == "" })
	pub.publish("x", "after", 1, false)
	if g := receiver.take(); g.payload != "after" {
		t.Errorf("got %.20q", g.payload)
	}
	var size int64
	for _, name := range []string{"broker.db", "broker.db-wal", "reserve"} {
		info, err := os.Stat(filepath.Join(store, name))
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > journal.MinLimit {
		t.Errorf("the store came to %d bytes, more than its limit of %d", size, journal.MinLimit)
	}
}

// Invariant 9: a client that does not acknowledge or read holds no more than
// its share, however much waits for its session.
func TestBacklogStaysOnDisk(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 100<<10)
	for n := range 300 {
		pub.publish("x", payload+strconv.Itoa(n), 1, false)
		if held := b.shared.budget.used.Load(); held > 2*feedLimit {
			t.Fatalf("%d bytes are held in memory", held)
		}
	}
	for n := range 300 {
		if g := sub.take(); g.payload != payload+strconv.Itoa(n) {
			t.Fatalf("message %d is another", n)
		}
	}
}

// At QoS 2 a publisher may repeat itself until the PUBREL.
func TestQoS2IsAcceptedOnce(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{})
		sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
		if code := sub.subscribe(2, "x")[0]; code != 2 {
			t.Fatalf("granted %d", code)
		}
		pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5})
		for range 2 { // again before the PUBREL: it is the same message
			pub.send(pub.publishPacket("x", "once", 2, false, 7))
			if ack := pub.expect(packets.Pubrec).body; len(ack) > 2 && ack[2] != 0 {
				t.Errorf("PUBREC with code %#x", ack[2])
			}
		}
		pub.send(frame(packets.Pubrel<<4|2, binary.BigEndian.AppendUint16(nil, 7)))
		pub.expect(packets.Pubcomp)
		if g := sub.take(); g.payload != "once" || g.qos != 2 {
			t.Errorf("got %+v", g)
		}
		sub.silent()
	})
}
