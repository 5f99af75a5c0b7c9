package broker

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/broker/journal"
)

// TestAbsentSessionsHoldTheirOwn has a rare message for one absent session among
// many for a present one: what waits for the absent one holds nothing else.
func TestAbsentSessionsHoldTheirOwn(t *testing.T) {
	b := start(t, Options{Store: t.TempDir(), StoreLimit: 8 << 20})
	away(t, b, "rare", "rare")
	sub := connect(t, b.Addr(0), hello{id: "busy", keep: true})
	sub.subscribe(1, "busy")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 1000)
	rare := 0
	for range 120 {
		pub.send(pub.publishPacket("rare", "x", 1, false, pub.nextID()))
		rare++
		for range 50 { // of which a commit takes many
			pub.send(pub.publishPacket("busy", payload, 1, false, pub.nextID()))
		}
		for range 50 {
			sub.take()
		}
	}
	wait(t, "the present session has acknowledged everything", func() bool { return b.journal.Stats().Bytes < int64(rare)*100 })
	if cause := b.Degraded(); cause != "" {
		t.Error(cause)
	}
	c := connect(t, b.Addr(0), hello{id: "rare", keep: true})
	for range rare {
		if g := c.take(); g.topic != "rare" {
			t.Fatalf("got %+v", g)
		}
	}
	c.silent()
}

// TestOrderAcrossGroups publishes to topics that go to different sets of
// sessions. One that gets them all has them in order: live, from the file, and
// after a restart.
func TestOrderAcrossGroups(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	const groups, all = 7, 2800
	for n := range groups {
		away(t, b, "one"+strconv.Itoa(n), "x/"+strconv.Itoa(n))
	}
	away(t, b, "all", "x/#")
	live := connect(t, b.Addr(0), hello{id: "live", keep: true})
	live.subscribe(1, "x/+")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 500)
	for n := range all {
		pub.send(pub.publishPacket("x/"+strconv.Itoa(n%groups), payload+strconv.Itoa(n), 1, false, pub.nextID()))
		if n%100 == 99 {
			for m := n - 99; m <= n; m++ {
				if g := live.take(); g.payload != payload+strconv.Itoa(m) {
					t.Fatalf("the live one got %q, want %d", g.payload[len(payload):], m)
				}
			}
		}
	}
	c := connect(t, b.Addr(0), hello{id: "all", keep: true})
	for n := range all / 2 {
		if g := c.take(); g.payload != payload+strconv.Itoa(n) {
			t.Fatalf("got %q, want %d", g.payload[len(payload):], n)
		}
	}
	c.disconnect()
	stop()
	b = start(t, Options{Store: store})
	c = connect(t, b.Addr(0), hello{id: "all", keep: true, resume: true})
	seen := -1
	for seen < all-1 {
		g := c.take()
		n, err := strconv.Atoi(g.payload[len(payload):])
		if err != nil || n > seen+1 && seen >= 0 || n > all/2 && seen < 0 {
			t.Fatalf("after a restart %d follows %d (%v)", n, seen, err)
		}
		seen = max(seen, n)
	}
	for g := range groups {
		c := connect(t, b.Addr(0), hello{id: "one" + strconv.Itoa(g), keep: true})
		for n := g; n < all; n += groups {
			if got := c.take(); got.payload != payload+strconv.Itoa(n) {
				t.Fatalf("session %d got %q, want %d", g, got.payload[len(payload):], n)
			}
		}
		c.silent()
	}
}

// TestSessionQuota has messages wait for a session until it is over its quota. It
// ends, no other one does, and its client is told so when it comes back.
func TestSessionQuota(t *testing.T) {
	var said safeBuffer
	b := start(t, Options{
		Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 100_000, Backpressure: []string{"guarded"},
		Log: slog.New(slog.NewTextHandler(&said, nil)),
	})
	away(t, b, "curious", "#")
	away(t, b, "other", "other")
	away(t, b, "guarded", "#")
	live := connect(t, b.Addr(0), hello{id: "live", keep: true})
	live.subscribe(1, "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 1000)
	pub.publish("other", "kept", 1, false)
	live.take()
	for range 300 {
		pub.publish("x", payload, 1, false)
		live.take()
	}
	wait(t, "the session has ended", func() bool { return b.sessions.current("curious") == nil })
	if want := "session over its quota"; !strings.Contains(said.String(), want) || !strings.Contains(said.String(), "client=curious") {
		t.Errorf("the log says %q", said.String())
	}
	for id, want := range map[string]bool{"curious": false, "other": true, "guarded": true} {
		c, code, present := tryConnect(t, b.Addr(0), hello{id: id, keep: true, resume: true})
		if code != 0 || present != want {
			t.Errorf("%s: code %#x, session present %v, want %v", id, code, present, want)
		}
		if present {
			if g := c.take(); g.payload != "kept" {
				t.Errorf("%s got %+v", id, g)
			}
		}
	}
}

// TestFullOfStrangers fills a store with the sessions of many, each below its
// quota. The guarded session loses nothing, and publishers go on.
func TestFullOfStrangers(t *testing.T) {
	b := start(t, Options{Store: t.TempDir(), StoreLimit: journal.MinLimit, Backpressure: []string{"guarded"}})
	const strangers = 30
	for n := range strangers {
		away(t, b, "stranger"+strconv.Itoa(n), "s/"+strconv.Itoa(n))
	}
	away(t, b, "guarded", "g")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 10_000)
	const rounds = 20
	for n := range rounds {
		pub.publish("g", strconv.Itoa(n), 1, false)
		for s := range strangers {
			pub.publish("s/"+strconv.Itoa(s), payload, 1, false) // until its PUBACK
		}
	}
	if cause := b.Degraded(); cause != "" {
		t.Error(cause)
	}
	if left := b.sessions.len(); left > strangers {
		t.Errorf("%d sessions are left of %d: none was ended", left, strangers+2)
	}
	c := connect(t, b.Addr(0), hello{id: "guarded", keep: true, resume: true})
	for n := range rounds {
		if g := c.take(); g.payload != strconv.Itoa(n) {
			t.Fatalf("got %+v, want %d", g, n)
		}
	}
}

// TestShares says how full the fullest sessions are, of those that end and of those
// that publishers wait for.
func TestShares(t *testing.T) {
	registry := prometheus.NewRegistry()
	b := start(t, Options{Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 1 << 20, Backpressure: []string{"guarded"}, Metrics: registry})
	away(t, b, "curious", "c/#")
	away(t, b, "empty", "nothing")
	away(t, b, "guarded", "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for range 8 {
		pub.publish("c/x", strings.Repeat("x", 64<<10), 1, false) // half of the quota
	}
	value := func(name string) float64 { t.Helper(); return gauge(t, registry, name) }
	// They are of a moment, which may be one within the loop.
	wait(t, "the metrics say so", func() bool { return value("session_quota_used_ratio") >= 0.5 && value("backpressure_ratio") >= 0.5/16 })
	if got := value("session_quota_used_ratio"); got > 0.6 {
		t.Errorf("the fullest session has %.2f of its quota, want 0.5", got)
	}
	if got := value("backpressure_ratio"); got > 0.5/8 {
		t.Errorf("the guarded session has %.3f of the journal", got)
	}
}

// TestQuotaBeyondTheMost: a quota of more than a quarter of the store is lowered, and
// the log says to what.
func TestQuotaBeyondTheMost(t *testing.T) {
	for quota, lowered := range map[int64]bool{0: false, 1 << 10: false, MinStoreLimit: true} {
		var text bytes.Buffer
		_, stop := startStop(t, Options{StoreLimit: MinStoreLimit, SessionQuota: quota, Log: slog.New(slog.NewTextHandler(&text, nil))})
		stop()
		if strings.Contains(text.String(), "session quota lowered") != lowered {
			t.Errorf("%d bytes: %s", quota, text.String())
		}
	}
}

// gauge returns the value of hellox_broker_NAME.
func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "hellox_broker_"+name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
