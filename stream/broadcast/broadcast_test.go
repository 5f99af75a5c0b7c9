package broadcast

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/broker/brokertest"
	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/streamtest"
)

func fast(time.Duration, time.Duration) time.Duration { return 2 * time.Millisecond }

func TestBroadcastPublishesHello(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, "#")
	acked := make(chan stream.Hello, 1000)
	now := time.Date(2026, 8, 30, 12, 0, 0, 123456789, time.UTC)
	cancel, ended := streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{
			Broker: b.broker(), ID: "press", Min: time.Second, Max: 10 * time.Second, QoS: 1,
			Interval: fast, Now: func() time.Time { return now },
			Acked: func(id string, h stream.Hello) {
				if id != "press" {
					t.Errorf("acknowledged for %q", id)
				}
				acked <- h
			},
		})
	})
	var boot string
	for seq := uint64(1); seq <= 5; {
		a := streamtest.Within(t, "a message", out)
		if a.Topic == stream.PresenceTopic("press") {
			var p stream.Presence
			if err := json.Unmarshal(a.Payload, &p); err != nil || p.State != "here" {
				t.Errorf("presence %s: %v", a.Payload, err)
			}
			continue
		}
		h, ours := stream.ParseHello(a.Payload)
		if seq == 1 {
			boot = h.Boot
		}
		want := stream.Hello{Text: "Hello world", Sender: "press", Boot: boot, Seq: seq, Sent: now, Next: 2 * time.Millisecond, Color: stream.ColorOf("press", "").Light}
		if !ours || h != want || a.Topic != "hello_world/broadcast/press" || a.QoS != 1 {
			t.Fatalf("arrival %+v is %+v, not %+v", a, h, want)
		}
		if got := streamtest.Within(t, "its acknowledgement", acked); got != want {
			t.Fatalf("acknowledged %+v, not %+v", got, want)
		}
		seq++
	}
	cancel()
	if err := streamtest.Within(t, "the end", ended); err != nil {
		t.Fatal(err)
	}
	awaitPresence(t, out, "press", "gone")
}

func awaitPresence(t *testing.T, out chan stream.Arrival, id, state string) {
	t.Helper()
	for {
		a := streamtest.Within(t, "presence "+state, out)
		var p stream.Presence
		if a.Topic == stream.PresenceTopic(id) && json.Unmarshal(a.Payload, &p) == nil && p.State == state {
			return
		}
	}
}

func TestBroadcastPlain(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.TopicStream)
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "x", Topic: "hello_world/broadcast", Plain: true, Min: 1, Max: 1, Interval: fast})
	})
	if a := streamtest.Within(t, "a message", out); a.Topic != "hello_world/broadcast" || string(a.Payload) != "Hello world" || a.QoS != 0 {
		t.Errorf("%+v", a)
	}
}

// While the broker is away, and when it takes messages without acknowledging
// them, the broadcasters go on, and everything arrives, in order.
func TestBroadcastLosesNothing(t *testing.T) {
	b := startBroker(t)
	metrics := prometheus.NewRegistry()
	var mu sync.Mutex
	acked := map[string]uint64{}
	taken := map[string]uint64{} // the highest number the broker has taken
	onPublish := func(payload []byte) {
		h, ours := stream.ParseHello(payload)
		if !ours {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if h.Seq > taken[h.Sender]+1 {
			t.Errorf("%s: %d came after %d", h.Sender, h.Seq, taken[h.Sender])
		}
		taken[h.Sender] = max(taken[h.Sender], h.Seq)
	}
	b.OnPublish.Store(&onPublish)
	const count = 3
	all := func(ok func(id string) bool) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			for i := range count {
				if !ok(fmt.Sprintf("b-%d", i)) {
					return false
				}
			}
			return true
		}
	}
	cancel, ended := streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{
			Broker: b.broker(), ID: "b", Count: count, Min: 1, Max: 1, QoS: 1, Interval: fast, Metrics: metrics,
			Acked: func(id string, h stream.Hello) {
				mu.Lock()
				defer mu.Unlock()
				if h.Seq != acked[id]+1 {
					t.Errorf("%s: %d was acknowledged after %d", id, h.Seq, acked[id])
				}
				if h.Seq > taken[id] {
					t.Errorf("%s: %d counts as acknowledged; the broker has taken %d", id, h.Seq, taken[id])
				}
				acked[id] = h.Seq
			},
		})
	})
	mark := func() func(string) bool {
		mu.Lock()
		defer mu.Unlock()
		was := map[string]uint64{}
		for id, n := range acked {
			was[id] = n
		}
		return func(id string) bool { return acked[id] > was[id]+20 }
	}
	streamtest.Eventually(t, "the first acknowledgements", all(mark()))

	b.Swallow.Store(true) // takes nothing, and hangs up
	connects := b.Connects.Load()
	streamtest.Eventually(t, "new attempts", func() bool { return b.Connects.Load() > connects+count })
	b.Swallow.Store(false)
	streamtest.Eventually(t, "acknowledgements after the refusals", all(mark()))

	b.Stop()
	waiting := func() float64 { return gathered(t, metrics, "hellox_broadcast_waiting") }
	streamtest.Eventually(t, "messages to wait", func() bool { return waiting() > 50 })
	b.Start()
	streamtest.Eventually(t, "acknowledgements after the restart", all(mark()))
	streamtest.Eventually(t, "the backlog to be taken", func() bool { return waiting() < 20 })

	cancel()
	if err := streamtest.Within(t, "the end", ended); err != nil {
		t.Fatal(err)
	}
	if said, acknowledged := gathered(t, metrics, "hellox_broadcast_published_total"), gathered(t, metrics, "hellox_broadcast_acknowledged_total"); said != acknowledged {
		t.Errorf("said %v, acknowledged %v", said, acknowledged)
	}
	if n := gathered(t, metrics, "hellox_broadcast_connected"); n != 0 {
		t.Errorf("%v are connected after the end", n)
	}
}

// gathered is the value of a metric without labels.
func gathered(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// A broadcaster without room publishes nothing, logs that, and skips no number.
func TestBroadcastBlocksWhenTooMuchIsPending(t *testing.T) {
	b := startBroker(t)
	b.Swallow.Store(true)
	metrics := prometheus.NewRegistry()
	var log streamtest.Buffer
	var mu sync.Mutex
	var seqs []uint64
	f, err := newFleet(Options{
		Broker: b.broker(), ID: "x", Min: 1, Max: 1, QoS: 1, Interval: fast, Metrics: metrics,
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Acked: func(_ string, h stream.Hello) {
			mu.Lock()
			defer mu.Unlock()
			seqs = append(seqs, h.Seq)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	x := newBroadcaster(f, "x")
	x.maxPending = 50
	streamtest.Background(t, func(ctx context.Context) error {
		x.run(ctx)
		return nil
	})
	streamtest.Eventually(t, "publishing to be blocked", func() bool { return gathered(t, metrics, "hellox_broadcast_held_total") > 0 })
	if waiting := gathered(t, metrics, "hellox_broadcast_waiting"); waiting != 50 {
		t.Errorf("%v wait, not 50", waiting)
	}
	streamtest.Eventually(t, "the log", func() bool { return strings.Count(log.String(), "too many messages wait") == 1 })
	b.Swallow.Store(false)
	streamtest.Eventually(t, "acknowledgements", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(seqs) > 200
	})
	mu.Lock()
	defer mu.Unlock()
	for i, seq := range seqs {
		if seq != uint64(i+1) {
			t.Fatalf("acknowledgement %d is of %d", i+1, seq)
		}
	}
}

// Whoever breaks off is lost; and a last will that arrives late is put right.
func TestBroadcastPresence(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.PresenceTopic("+"))
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "x", Min: time.Hour, Max: time.Hour, QoS: 1})
	})
	awaitPresence(t, out, "x", "here")
	if !b.Cut("x") {
		t.Fatal("its client id is not its id")
	}
	awaitPresence(t, out, "x", "lost")
	awaitPresence(t, out, "x", "here")
	b.Publish(stream.PresenceTopic("x"), `{"state":"lost","boot":"another"}`, true, 1)
	awaitPresence(t, out, "x", "lost")
	awaitPresence(t, out, "x", "here")
}

// A presence that contradicts it between its own presence and the handing over of its
// connection is put right too.
func TestBroadcastPresenceContradictedWhileItConnects(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.PresenceTopic("+"))
	f, err := newFleet(Options{Broker: b.broker(), ID: "x", Min: time.Hour, Max: time.Hour, QoS: 1})
	if err != nil {
		t.Fatal(err)
	}
	x := newBroadcaster(f, "x")
	c, err := x.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x.handlePresence([]byte(`{"state":"lost","boot":"another"}`))
	x.onConnected(c)
	awaitPresence(t, out, "x", "here")
}

func TestBroadcastRefuses(t *testing.T) {
	good := Options{Broker: mqtt.Broker{Scheme: "mqtt", Host: "127.0.0.1:1"}, ID: "x", Min: time.Second, Max: 2 * time.Second}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"MIN above MAX", func(o *Options) { o.Min = time.Minute }, "shorter than the shortest"},
		{"MIN 0", func(o *Options) { o.Min = 0 }, "must be more than 0"},
		{"MAX of days", func(o *Options) { o.Max = 48 * time.Hour }, "at most 24h"},
		{"no id", func(o *Options) { o.ID = "" }, "cannot name a broadcaster"},
		{"id with a level", func(o *Options) { o.ID = "a/b" }, "cannot name a broadcaster"},
		{"id with a wildcard", func(o *Options) { o.ID = "#" }, "cannot name a broadcaster"},
		{"id with a space", func(o *Options) { o.ID = "a b" }, "cannot name a broadcaster"},
		{"id too long to number", func(o *Options) { o.ID, o.Count = strings.Repeat("a", 127), 10 }, "too long to number"},
		{"count below 1", func(o *Options) { o.Count = -1 }, "at least one"},
		{"QoS 3", func(o *Options) { o.QoS = 3 }, "QoS 3"},
		{"topic with a wildcard", func(o *Options) { o.Topic = "a/+" }, "wildcard"},
		{"topic with a space", func(o *Options) { o.Topic = "a b" }, "white space"},
		{"text too long", func(o *Options) { o.Text = strings.Repeat("a", 1<<20) }, "can be said"},
		{"no broker", func(o *Options) { o.Broker = mqtt.Broker{} }, "no broker"},
		{"more than may be open", func(o *Options) { o.Count = 1 << 30 }, "open files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := Run(ctx, o); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it says %q, not %q", err, c.says)
			}
		})
	}
}

func TestUniform(t *testing.T) {
	const least, most, n = time.Second, 10 * time.Second, 100_000
	var bins [9]int
	for range n {
		d := Uniform(least, most)
		if d < least || d > most {
			t.Fatalf("%s", d)
		}
		bins[min(int((d-least)/time.Second), 8)]++
	}
	// Chi-squared with 8 degrees of freedom exceeds 40 once in 300,000 runs.
	var chi float64
	for _, c := range bins {
		chi += (float64(c) - n/9.0) * (float64(c) - n/9.0) / (n / 9.0)
	}
	if chi > 40 {
		t.Errorf("chi-squared %.1f: %v", chi, bins)
	}
	if d := Uniform(time.Second, time.Second); d != time.Second {
		t.Errorf("of one value: %s", d)
	}
}

func startBroker(t testing.TB) *testBroker {
	t.Helper()
	return &testBroker{brokertest.New(t)}
}

// A testBroker is a broker in this process, as package mqtt addresses it.
type testBroker struct{ *brokertest.Broker }

func (b *testBroker) broker() mqtt.Broker { return mqtt.Broker{Scheme: "mqtt", Host: b.Addr} }

// subscribed sends what arrives on the topics to a channel, once it is connected.
func subscribed(t *testing.T, b *testBroker, topics ...string) chan stream.Arrival {
	t.Helper()
	out := make(chan stream.Arrival, 10*mqtt.Window)
	tell, links := streamtest.LinkLog()
	streamtest.Background(t, func(ctx context.Context) error {
		return mqtt.Subscribe(ctx, mqtt.SubscribeOptions{Broker: b.broker(), Topics: topics, QoS: 1, Link: tell}, out)
	})
	streamtest.AwaitLink(t, links, stream.Connected)
	return out
}
