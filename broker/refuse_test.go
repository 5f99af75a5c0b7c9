package broker

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/wire"
	"hellox/stream"
)

// logged returns a broker's log as text, one record a line.
func logged(o *Options) *safeBuffer {
	said := &safeBuffer{}
	o.Log = slog.New(slog.NewTextHandler(said, nil))
	return said
}

// linesWith returns the lines of a log that have all of these words.
func linesWith(log string, words ...string) (lines []string) {
	for line := range strings.Lines(log) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

// readRefusal returns the reason that the broker sent the client.
func (c *client) readRefusal(id string) string {
	c.t.Helper()
	g := c.message()
	if g.topic != "hellox/refused/"+id || g.qos != 0 || g.retain {
		c.t.Fatalf("got %+v, want a refusal", g)
	}
	r, err := stream.ParseRefusal([]byte(g.payload))
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Reason
}

// TestRefusals has clients do what the broker refuses. Each is told why on its
// own topic, and by the code of MQTT 5, before it is disconnected; the log has
// one line with client, topic and reason; no other client gets it.
func TestRefusals(t *testing.T) {
	deep := strings.Repeat("a/", 16) + "a"
	long := strings.Repeat("x", 600)
	for _, k := range []struct {
		name, reason string
		packet       func(c *client) []byte
		code         byte // of the DISCONNECT of MQTT 5; 0: it stays
	}{
		{"levels", "topic has 17 levels; at most 16", func(c *client) []byte { return c.publishPacket(deep, "x", 1, false, 1) }, packets.ErrTopicNameInvalid.Code},
		{"bytes", "topic has 600 bytes; at most 512", func(c *client) []byte { return c.publishPacket(long, "x", 0, false, 0) }, packets.ErrTopicNameInvalid.Code},
		{"system", "topics that begin with $SYS or $share are the broker's", func(c *client) []byte { return c.publishPacket("$SYS/x", "x", 1, false, 1) }, packets.ErrTopicNameInvalid.Code},
		{"size", "a packet has more than 262144 bytes", func(c *client) []byte { return c.publishPacket("x", strings.Repeat("x", 300_000), 1, false, 1) }, packets.ErrPacketTooLarge.Code},
		{"broker", "only the broker itself publishes on that topic", func(c *client) []byte { return c.publishPacket("hellox/broker", "x", 0, true, 0) }, 0},
		{"filter", "topic filter has 17 levels; at most 16", func(c *client) []byte { return c.subscribePacket(9, 0, deep) }, 0},
	} {
		t.Run(k.name, func(t *testing.T) {
			both(t, func(t *testing.T, v5 bool) {
				o := Options{}
				said := logged(&o)
				b := start(t, o)
				spy := connect(t, b.Addr(0), hello{id: "spy"})
				spy.subscribe(0, "#", "hellox/refused/#", "hellox/refused/evil")
				c := connect(t, b.Addr(0), hello{id: "evil", v5: v5})
				c.subscribe(0, "hellox/refused/evil")
				c.send(k.packet(c))
				if reason := c.readRefusal("evil"); reason != k.reason {
					t.Errorf("the reason is %q, want %q", reason, k.reason)
				}
				if k.code != 0 {
					c.closed()
					i := slices.IndexFunc(c.pending, func(p packet) bool { return p.kind() == packets.Disconnect })
					switch {
					case v5 && (i < 0 || c.pending[i].body[0] != k.code || !strings.Contains(string(c.pending[i].body), k.reason)):
						t.Errorf("no DISCONNECT with code %#x and the reason: %q", k.code, c.pending)
					case !v5 && i >= 0:
						t.Error("MQTT 3.1.1 has no DISCONNECT from a broker")
					}
				}
				spy.silent()
				wait(t, "the log has it", func() bool { return len(linesWith(said.String(), "refused", "client=evil", k.reason)) == 1 })
			})
		})
	}
}

// TestLargeConnectIsTold sends CONNECTs beyond their limit: each client reads why it is
// refused, although the broker does not read all that it sends.
func TestLargeConnectIsTold(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		o := Options{}
		said := logged(&o)
		b := start(t, o)
		code := packets.Err3ServerUnavailable.Code
		if v5 {
			code = packets.ErrPacketTooLarge.Code
		}
		for _, n := range []int{wire.MaxConnect, 20_000, 60_000} {
			refused(t, b.Addr(0), hello{id: strings.Repeat("x", n), v5: v5}, code)
		}
		wait(t, "the log has it", func() bool { return len(linesWith(said.String(), "refused", "its CONNECT has more than")) > 0 })
	})
}

// TestRefusalIsNotReset has clients refused of whose bytes the broker has not read all:
// each reads why, and then the end of the stream. A socket that is closed with bytes
// unread is reset, and the client may lose what came before.
func TestRefusalIsNotReset(t *testing.T) {
	const reason = "a packet has more than 262144 bytes"
	b := start(t, Options{Listeners: []Listener{
		{Net: listenLoopback(t), Open: true},
		{Net: listenLoopback(t), Open: true, WebSocket: true},
	}})
	plain := func(packet []byte) []byte { return packet }
	for i, framed := range []func([]byte) []byte{plain, webSocketFrame} {
		both(t, func(t *testing.T, v5 bool) {
			c := dial(t, b.Addr(i))
			if i > 0 {
				c.upgrade()
			}
			c.v5 = v5
			c.send(framed(hello{id: "large", v5: v5}.packet()))
			c.send(framed(c.subscribePacket(1, 0, "hellox/refused/large")))
			large := c.publishPacket("x", strings.Repeat("x", 300_000), 1, false, 1)
			c.send(framed(large[:100_000])) // the rest is never sent
			_ = c.c.SetReadDeadline(time.Now().Add(testTimeout))
			got, err := io.ReadAll(c.r)
			if err != nil || !strings.Contains(string(got), reason) {
				t.Errorf("listener %d: read %q, then %v", i, got, err)
			}
		})
	}
}

// upgrade makes the connection a WebSocket.
func (c *client) upgrade() {
	c.t.Helper()
	c.send([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"))
	r, err := http.ReadResponse(c.r, nil)
	if err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		c.t.Fatal(r, err)
	}
}

// webSocketFrame returns a client's frame with a packet, masked with zeros.
func webSocketFrame(packet []byte) []byte {
	frame := binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, uint64(len(packet)))
	return append(append(frame, 0, 0, 0, 0), packet...)
}

// TestTakeoverIsTold has two clients with one client ID: the log says so, and so
// does the broker to the one that it throws out.
func TestTakeoverIsTold(t *testing.T) {
	for _, keep := range []bool{false, true} {
		o := Options{}
		said := logged(&o)
		b := start(t, o)
		first := connect(t, b.Addr(0), hello{id: "twin", keep: keep})
		first.subscribe(0, "hellox/refused/twin")
		second := connect(t, b.Addr(0), hello{id: "twin", keep: keep})
		if reason, want := first.readRefusal("twin"), fmt.Sprintf("another client connected with the client ID %q, from %s", "twin", second.c.LocalAddr()); reason != want {
			t.Errorf("the reason is %q, want %q", reason, want)
		}
		first.closed()
		wait(t, "the log has it", func() bool { return len(linesWith(said.String(), "client=twin", "another client connected")) == 1 })
		second.silent()
	}
}

// TestRefusalTopics sends nothing to an ID that cannot be a level of a topic.
func TestRefusalTopics(t *testing.T) {
	b := start(t, Options{})
	for _, id := range []string{"a/b", "a+", "#", "a\x01b"} {
		c := connect(t, b.Addr(0), hello{id: id})
		c.subscribe(0, "hellox/#")
		c.send(c.publishPacket("$SYS/x", "x", 1, false, 1))
		c.closed()
		for _, p := range c.pending {
			if p.kind() == packets.Publish {
				t.Errorf("%q got %+v", id, c.parse(p))
			}
		}
	}
}

// TestRefusalLogIsBounded has one client refused again and again, and many once
// each: the log stays readable.
func TestRefusalLogIsBounded(t *testing.T) {
	o := Options{}
	said := logged(&o)
	b := start(t, o)
	c := connect(t, b.Addr(0), hello{id: "again"})
	for range 100 {
		c.send(c.publishPacket("hellox/broker", "x", 0, false, 0))
	}
	c.silent()
	if n := len(linesWith(said.String(), "client=again")); n != 1 {
		t.Errorf("%d lines about one client and reason", n)
	}
	for i := range 2 * maxRefusalKeys {
		c := connect(t, b.Addr(0), hello{id: fmt.Sprint("many", i)})
		c.send(c.publishPacket("hellox/broker", "x", 0, false, 0))
		c.silent()
		c.c.Close()
	}
	if n := len(linesWith(said.String(), "client=many")); n > maxRefusalKeys {
		t.Errorf("%d lines about 200 clients", n)
	}
}

// TestLogOfEndsIsBounded has one client end its sessions again and again, and many once
// each, and as many that do not read: the log stays readable, the metric has all.
func TestLogOfEndsIsBounded(t *testing.T) {
	o := Options{Limits: Limits{ClientBytes: 1 << 10}}
	said := logged(&o)
	b := start(t, o)
	began := time.Now()
	for range 50 {
		connect(t, b.Addr(0), hello{id: "again", keep: true})
		connect(t, b.Addr(0), hello{id: "again"}).disconnect()
		gone(t, b, "again")
	}
	most := 1 + int(time.Since(began)/refusalInterval)
	if n := len(linesWith(said.String(), "session ended", "client=again")); n == 0 || n > most {
		t.Errorf("%d lines about one client's sessions, want 1 to %d", n, most)
	}
	if n := counted(t, b.metrics.sessionsEnded.WithLabelValues("replaced")); n != 50 {
		t.Errorf("the metric counts %d", n)
	}
	began = time.Now()
	for i := range 2 * maxRefusalKeys {
		c := connect(t, b.Addr(0), hello{id: fmt.Sprint("slow", i)})
		c.subscribe(0, "x")
		c.send(c.publishPacket("x", strings.Repeat("x", 2<<10), 0, false, 0))
		c.closed()
	}
	most = 1 + maxRefusalKeys + int(time.Since(began)/refusalInterval)
	if n := len(linesWith(said.String(), "slow client disconnected")); n == 0 || n > most {
		t.Errorf("%d lines about %d slow clients, want 1 to %d", n, 2*maxRefusalKeys, most)
	}
}

// TestRefusalLogTellsReasonsApart refuses one client for several reasons of one kind
// within the ten seconds: each has a line. What differs in a time or a port only is one
// reason, and a client that makes up reasons has a bounded number of lines.
func TestRefusalLogTellsReasonsApart(t *testing.T) {
	said := &safeBuffer{}
	now := time.Unix(1_800_000_000, 0)
	l := refusalLog{log: slog.New(slog.NewTextHandler(said, nil)), now: func() time.Time { return now }}
	reasons := []string{
		"the token is that of another pod", "the token is for another audience than x",
		"the token was valid until 12:00:%02d; the clock here says 13:00:%02d", "the token is that of another namespace",
	}
	for i := range 30 {
		for _, reason := range reasons {
			if strings.Contains(reason, "%") {
				reason = fmt.Sprintf(reason, i, i)
			}
			l.add("c", "192.0.2.1:1", refusal{kind: "login", reason: reason})
		}
	}
	for _, reason := range reasons {
		reason, _, _ = strings.Cut(reason, "%")
		if n := len(linesWith(said.String(), "client=c", reason)); n != 1 {
			t.Errorf("%d lines say %q", n, reason)
		}
	}
	now = now.Add(refusalInterval)
	l.add("c", "", refusal{kind: "login", reason: reasons[0]})
	if n := len(linesWith(said.String(), reasons[0], "more=29")); n != 1 {
		t.Errorf("%d lines say how many were left out", n)
	}
	for i := range 1000 {
		l.add("evil", "", refusal{kind: "login", reason: strings.Repeat("x", i+1)})
	}
	if n := len(linesWith(said.String(), "client=evil")); n != maxReasons+1 {
		t.Errorf("%d lines about made-up reasons", n)
	}
	for i := range 10 * maxRefusalKeys {
		l.add(fmt.Sprint("many", i), "", refusal{kind: "login", reason: strings.Repeat("y", 1+i%50)})
	}
	if n := len(l.last); n > maxRefusalKeys+1 {
		t.Errorf("%d keys are held", n)
	}
}

// TestRefusedMessagesKeepTheirOrder sends a message that is refused and one that
// is not in one packet of the network: the second must not be taken.
func TestRefusedMessagesKeepTheirOrder(t *testing.T) {
	b := start(t, Options{})
	spy := connect(t, b.Addr(0), hello{id: "spy"})
	spy.subscribe(0, "#")
	c := connect(t, b.Addr(0), hello{id: "c"})
	c.send(append(c.publishPacket("$SYS/1", "1", 1, false, 1), c.publishPacket("x/2", "2", 1, false, 2)...))
	c.closed()
	spy.silent()
}

func TestRefusalJSON(t *testing.T) {
	got, err := json.Marshal(stream.Refusal{Reason: "topic has 17 levels; at most 16"})
	if want := `{"reason":"topic has 17 levels; at most 16"}`; err != nil || string(got) != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}

// TestBrokerStateJSON holds the time to nine digits, as everywhere.
func TestBrokerStateJSON(t *testing.T) {
	got, err := json.Marshal(stream.BrokerState{Degraded: "full", Since: time.Date(2026, 11, 29, 5, 1, 2, 500_000_000, time.UTC)})
	if want := `{"degraded":"full","since":"2026-11-29T05:01:02.500000000Z"}`; err != nil || string(got) != want {
		t.Errorf("%s, want %s (%v)", got, want, err)
	}
}

// TestTooManyFiltersAreTold asks for the notices and too many topic filters in one
// SUBSCRIBE, as hellox's own clients do: the notices are granted and say why the
// others are not. The notices of others count as any topic filter.
func TestTooManyFiltersAreTold(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{Limits: Limits{TopicFilters: 2}})
		c := connect(t, b.Addr(0), hello{id: "c", v5: v5})
		codes := c.subscribe(0, "a", "hellox/broker", "b", "c", "hellox/refused/c")
		for i, granted := range []bool{false, true, false, false, true} {
			if (codes[i] < 0x80) != granted {
				t.Errorf("the codes are %#x", codes)
			}
		}
		if reason := c.readRefusal("c"); reason != "a session has at most 2 topic filters" {
			t.Errorf("the reason is %q", reason)
		}
		if codes := c.subscribe(0, "a", "b"); codes[0] != 0 || codes[1] != 0 {
			t.Errorf("within the limit the codes are %#x", codes)
		}
		if code := c.subscribe(0, "hellox/refused/other")[0]; code < 0x80 {
			t.Errorf("the third is granted (%#x)", code)
		}
	})
}
