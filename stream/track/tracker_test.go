package track

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"hellox/stream"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func bootName(n int) string {
	return ulid.MustNew(uint64(epoch.UnixMilli()+int64(n)), zeros{}).String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func hello(sender string, boot int, seq uint64, at time.Time) stream.Arrival {
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: bootName(boot), Seq: seq, Sent: at.Add(-3 * time.Millisecond)}
	return stream.Arrival{Topic: "hello_world/broadcast/" + sender, Payload: h.AppendJSON(nil), QoS: 1, Received: at}
}

// model is the plain state of one sender's gaps: sets instead of spans, and
// missed counted anew from what was seen.
type model struct {
	seen      map[[2]uint64]bool // boot, seq
	base      map[uint64]uint64
	high      map[uint64]uint64
	reordered uint64
}

// missed counts the numbers between the first seen and the highest of each
// boot that have not come.
func (m *model) missed() (n uint64) {
	for boot, high := range m.high {
		for s := m.base[boot]; s <= high; s++ {
			if !m.seen[[2]uint64{boot, s}] {
				n++
			}
		}
	}
	return n
}

func TestTrackerAgainstSets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(State{}, nil)
		models := map[string]*model{}
		next := map[string]uint64{}
		boots := map[string]int{}
		var lastID int64
		at := epoch
		last := map[string]time.Time{}
		var lastAny time.Time
		for range rapid.IntRange(1, 200).Draw(t, "arrivals") {
			at = at.Add(time.Duration(rapid.IntRange(-5, 50).Draw(t, "ms")) * time.Millisecond)
			sender := fmt.Sprintf("press-%d", rapid.IntRange(0, 2).Draw(t, "sender"))
			m := models[sender]
			if m == nil {
				m = &model{seen: map[[2]uint64]bool{}, base: map[uint64]uint64{}, high: map[uint64]uint64{}}
				models[sender] = m
			}
			boot := boots[sender]
			switch rapid.SampledFrom([]string{"next", "next", "next", "skip", "old", "restart", "boot before"}).Draw(t, "what") {
			case "next":
				next[sender]++
			case "skip":
				next[sender] += rapid.Uint64Range(2, 6).Draw(t, "skip")
			case "old":
				next[sender] = rapid.Uint64Range(1, max(next[sender], 1)).Draw(t, "seq")
			case "restart":
				boots[sender]++
				boot, next[sender] = boots[sender], 1
			case "boot before":
				boot = max(0, boot-1)
				next[sender]++
			}
			seq := max(next[sender], 1)
			e := l.Track(hello(sender, boot, seq, at))

			key := [2]uint64{uint64(boot), seq}
			if m.seen[key] {
				if e.Outcome != Duplicate {
					t.Fatalf("%s boot %d seq %d came again: verdict %d, not Duplicate", sender, boot, seq, e.Outcome)
				}
				continue
			}
			if e.Outcome != Stored {
				t.Fatalf("%s boot %d seq %d came first: verdict %d, not Kept", sender, boot, seq, e.Outcome)
			}
			before := m.missed()
			m.seen[key] = true
			b := uint64(boot)
			wantReordered := false
			if _, known := m.high[b]; !known {
				m.base[b], m.high[b] = seq, seq
			} else if seq > m.high[b] {
				m.high[b] = seq
			} else {
				wantReordered = true
				m.reordered++
			}
			got := e.Message
			if lastID++; got.ID != lastID {
				t.Fatalf("id %d, want %d", got.ID, lastID)
			}
			if got.Reordered != wantReordered {
				t.Fatalf("reordered %v, want %v", got.Reordered, wantReordered)
			}
			if want := max(int64(m.missed())-int64(before), 0); int64(got.Missed) != want {
				t.Fatalf("missed %d, want %d", got.Missed, want)
			}
			if e.Counters.Missed != m.missed() || e.Counters.Reordered != m.reordered {
				t.Fatalf("standing %+v, want missed %d reordered %d", e.Counters, m.missed(), m.reordered)
			}
			if got.Received.Before(lastAny) {
				t.Fatalf("received fell from %v to %v", lastAny, got.Received)
			}
			wantDelta, wantAny := stream.None, stream.None
			if p, ok := last[sender]; ok {
				wantDelta = got.Received.Sub(p)
			}
			if !lastAny.IsZero() {
				wantAny = got.Received.Sub(lastAny)
			}
			if got.Delta != wantDelta || got.DeltaAny != wantAny {
				t.Fatalf("delta %v %v, want %v %v", got.Delta, got.DeltaAny, wantDelta, wantAny)
			}
			last[sender], lastAny = got.Received, got.Received
		}
		var missed, reordered uint64
		for _, m := range models {
			missed += m.missed()
			reordered += m.reordered
		}
		if s := l.State().Totals; s.Missed != missed || s.Reordered != reordered || s.Stored != uint64(lastID) || s.Received != s.Stored+s.Duplicates {
			t.Fatalf("totals %+v, want missed %d reordered %d kept %d", s, missed, reordered, lastID)
		}
	})
}

// With a bound so small that it is always at work, a number may come twice,
// but none that never came is called a duplicate.
func TestBoundedSpansLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Boot
		seen := map[uint64]bool{}
		for _, seq := range rapid.SliceOfN(rapid.Uint64Range(1, 60), 1, 120).Draw(t, "seqs") {
			g := b.record(seq, 3)
			if g.duplicate && !seen[seq] {
				t.Fatalf("%d never came before and was called a duplicate: %+v", seq, b)
			}
			if seen[seq] && seq > b.Floor && !g.duplicate {
				t.Fatalf("%d came again above the floor %d and was kept: %+v", seq, b.Floor, b)
			}
			seen[seq] = true
			if len(b.Seen) > 3 {
				t.Fatalf("%d spans", len(b.Seen))
			}
			for i, s := range b.Seen {
				if s.Lo > s.Hi || i > 0 && s.Lo <= b.Seen[i-1].Hi+1 {
					t.Fatalf("spans out of order or touching: %+v", b.Seen)
				}
			}
		}
	})
}

// A tracker stored at any moment and replayed from there is the same tracker.
func TestTrackerGoesOnFromStoredState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(State{}, nil)
		stored, accounts := l.State(), map[string][]byte{}
		var tail []*stream.Message
		at := epoch
		for i := range rapid.IntRange(1, 60).Draw(t, "arrivals") {
			at = at.Add(time.Millisecond)
			a := hello("a", rapid.IntRange(0, 2).Draw(t, "boot"), rapid.Uint64Range(1, 20).Draw(t, "seq"), at)
			if rapid.IntRange(0, 3).Draw(t, "foreign") == 0 {
				a = stream.Arrival{Topic: "x/y", Payload: []byte{byte(i % 3)}, Received: at, Retained: rapid.Bool().Draw(t, "retained")}
			}
			e := l.Track(a)
			if e.Outcome == Stored {
				tail = append(tail, e.Message)
			}
			// A duplicate leaves no row to replay: stores keep the sender states then.
			if e.Outcome == Duplicate || rapid.IntRange(0, 9).Draw(t, "store") == 0 {
				changed, _ := l.Changes()
				for _, a := range changed {
					accounts[a.Sender], _ = json.Marshal(a)
				}
				stored, tail = l.State(), nil
			}
		}
		var loaded []*SenderState
		for _, b := range accounts {
			a := new(SenderState)
			if err := json.Unmarshal(b, a); err != nil {
				t.Fatal(err)
			}
			loaded = append(loaded, a)
		}
		again := New(stored, loaded)
		for _, m := range tail {
			again.Replay(m)
		}
		opt := cmp.Options{cmpopts.IgnoreUnexported(SenderState{}), cmpopts.EquateEmpty()}
		if d := cmp.Diff(l.senders, again.senders, opt); d != "" {
			t.Fatal(d)
		}
		if d := cmp.Diff(l.state, again.state); d != "" {
			t.Fatal(d)
		}
	})
}

func TestTrackerRetained(t *testing.T) {
	l := New(State{}, nil)
	say := func(topic, payload string, retained bool, after time.Duration) Tracked {
		return l.Track(stream.Arrival{Topic: topic, Payload: []byte(payload), Retained: retained, Received: epoch.Add(after)})
	}
	for i, c := range []struct {
		payload  string
		retained bool
		outcome  Outcome
		why      string
	}{
		{"a", true, Stored, "the first"},
		{"a", true, Ignored, "again at a reconnect"},
		{"a", false, Stored, "the same, published anew"},
		{"b", false, Stored, "another"},
		{"b", true, Ignored, "published with retain while we listened, then sent from the store"},
		{"a", true, Stored, "changed back while we were away"},
		{"c", true, Stored, "a new retained one"},
		{"c", true, Ignored, "again"},
		{"", false, Stored, "cleared"},
		{"c", true, Stored, "set again while we were away"},
	} {
		e := say("t", c.payload, c.retained, time.Duration(i))
		if e.Outcome != c.outcome {
			t.Errorf("%d, %s: outcome %d, not %d", i, c.why, e.Outcome, c.outcome)
		}
		if c.retained && c.outcome == Stored && (e.Message.Delta != stream.None || e.Message.DeltaAny != stream.None) {
			t.Errorf("%d, %s: a retained message has the deltas %v, %v", i, c.why, e.Message.Delta, e.Message.DeltaAny)
		}
	}
	if s := l.State().Totals; s.Duplicates != 0 || s.Received != s.Stored || s.Stored != 7 {
		t.Errorf("totals: %+v", s)
	}
	say("only", "Offline", true, 0)
	if s := l.senders["only"].Counters; !s.LastSeen.IsZero() || s.Messages != 1 {
		t.Errorf("of a sender known by a retained message only: %+v", s)
	}
}

func TestTrackerRetainedOfOurs(t *testing.T) {
	l := New(State{}, nil)
	r := hello("p", 0, 5, epoch)
	r.Retained = true
	if e := l.Track(r); e.Outcome != Stored || e.Message.Latency != stream.None || e.Message.Missed != 0 || !e.Counters.LastSeen.IsZero() || e.Counters.Boot != "" {
		t.Errorf("retained: %+v, %+v", e.Message, e.Counters)
	}
	if e := l.Track(r); e.Outcome != Ignored {
		t.Errorf("again: outcome %d", e.Outcome)
	}
	if e := l.Track(hello("p", 0, 9, epoch.Add(time.Second))); e.Message.Missed != 0 {
		t.Errorf("the first live one after a retained one has missed %d: nobody was listening then", e.Message.Missed)
	}
	if e := l.Track(hello("p", 0, 11, epoch.Add(2*time.Second))); e.Message.Missed != 1 || e.Message.Delta != time.Second || e.Message.Latency != 3*time.Millisecond {
		t.Errorf("live: %+v", e.Message)
	}
	// What the broker retains is ahead of what waits in our session.
	r = hello("p", 0, 13, epoch.Add(3*time.Second))
	r.Retained = true
	if e := l.Track(r); e.Outcome != Stored || e.Message.Missed != 0 {
		t.Errorf("retained, ahead: %+v", e.Message)
	}
	for _, seq := range []uint64{12, 13} {
		if e := l.Track(hello("p", 0, seq, epoch.Add(4*time.Second))); e.Outcome != Stored || e.Message.Missed != 0 || e.Message.Reordered {
			t.Errorf("%d from the session: %+v", seq, e.Message)
		}
	}
	if e := l.Track(r); e.Outcome != Ignored {
		t.Errorf("retained, seen live: outcome %d", e.Outcome)
	}
	if s := l.State().Totals; s.Duplicates != 0 || s.Missed != 1 || s.Reordered != 0 {
		t.Errorf("totals: %+v", s)
	}
}

// brokerModel is a broker with one persistent session, as simple as can be.
type brokerModel struct {
	retained map[string]stream.Arrival // by topic
	queue    []stream.Arrival          // of the session
}

func (b *brokerModel) publish(a stream.Arrival, retain bool) {
	b.queue = append(b.queue, a)
	if !retain {
		return
	}
	a.Retained = true
	b.retained[a.Topic] = a
	if len(a.Payload) == 0 {
		delete(b.retained, a.Topic)
	}
}

// retainedModel is what a receiver must have stored, as simple as can be.
type retainedModel struct {
	newest map[string]string          // payload by topic
	seen   map[string]time.Time       // the newest live one by sender
	ours   map[string]map[uint64]bool // by sender: what was stored
	stored int
}

// wants reports whether an arrival is stored.
func (m *retainedModel) wants(a stream.Arrival, sender string, seq uint64) bool {
	if a.Retained && (seq == 0 && m.newest[a.Topic] == "="+string(a.Payload) || m.ours[sender][seq]) {
		return false
	}
	m.newest[a.Topic] = "=" + string(a.Payload)
	m.stored++
	if seq > 0 {
		if m.ours[sender] == nil {
			m.ours[sender] = map[uint64]bool{}
		}
		m.ours[sender][seq] = true
	}
	if !a.Retained {
		m.seen[sender] = a.Received
	}
	return true
}

// TestRetainedAgainstModel publishes at random, live and retained, ours and
// others, while the receiver is connected, away, and started again: each live
// message is stored, a retained one if it is news, and nothing that is retained
// looks like a sign of life.
func TestRetainedAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tracker := New(State{}, nil)
		broker := brokerModel{retained: map[string]stream.Arrival{}}
		model := retainedModel{newest: map[string]string{}, seen: map[string]time.Time{}, ours: map[string]map[uint64]bool{}}
		at, connected, next := epoch, true, map[string]uint64{}
		arrive := func(a stream.Arrival) {
			at = at.Add(time.Millisecond)
			a.Received = at
			sender, seq := a.Topic, uint64(0)
			if h, ours := stream.ParseHello(a.Payload); ours {
				sender, seq = h.Sender, h.Seq
			}
			want := Ignored
			if model.wants(a, sender, seq) {
				want = Stored
			}
			e := tracker.Track(a)
			if e.Outcome != want {
				t.Fatalf("%s %q retained %v: outcome %d, not %d", a.Topic, a.Payload, a.Retained, e.Outcome, want)
			}
			if e.Message == nil {
				return
			}
			if a.Retained && (e.Message.Delta != stream.None || e.Message.DeltaAny != stream.None || e.Message.Latency != stream.None || e.Message.Missed != 0 || e.Message.Reordered) {
				t.Fatalf("a retained message is measured: %+v", e.Message)
			}
			if got := e.Counters.LastSeen; !got.Equal(model.seen[sender]) {
				t.Fatalf("%s was last seen %v, not %v", sender, got, model.seen[sender])
			}
		}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"publish", "publish", "publish", "ours", "leave", "return", "restart"}).Draw(t, "what") {
			case "publish":
				topic := rapid.SampledFrom([]string{"lamp", "door", "hello_world/broadcast/p"}).Draw(t, "topic")
				payload := rapid.SampledFrom([]string{"ON", "OFF", "ON", ""}).Draw(t, "payload")
				broker.publish(stream.Arrival{Topic: topic, Payload: []byte(payload)}, rapid.Bool().Draw(t, "retain"))
			case "ours":
				sender := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "sender")
				next[sender]++
				a := hello(sender, 0, next[sender], at)
				a.Topic = "hello_world/broadcast/p"
				broker.publish(a, rapid.Bool().Draw(t, "retain"))
			case "leave":
				connected = false
			case "restart":
				var stored []*SenderState
				tracker.Senders(func(s *SenderState) {
					b, err := json.Marshal(s)
					if err != nil {
						t.Fatal(err)
					}
					again := new(SenderState)
					if err := json.Unmarshal(b, again); err != nil {
						t.Fatal(err)
					}
					stored = append(stored, again)
				})
				tracker = New(tracker.State(), stored)
				fallthrough
			case "return":
				// What is retained is read first, then comes what waits.
				connected = true
				for _, topic := range slices.Sorted(maps.Keys(broker.retained)) {
					arrive(broker.retained[topic])
				}
			}
			if connected {
				for _, a := range broker.queue {
					arrive(a)
				}
				broker.queue = nil
			}
		}
		if got := tracker.State().Totals; got.Stored != uint64(model.stored) || got.Received != got.Stored || got.Duplicates+got.Missed+got.Reordered != 0 {
			t.Fatalf("totals %+v, want %d stored and no more", got, model.stored)
		}
	})
}

// A message that repeats a sender's boot on another topic takes none of its numbers:
// it is stored as what it is, and so are all that the sender itself sends.
func TestNumbersAreOfOneTopic(t *testing.T) {
	for _, retained := range []bool{false, true} {
		l := New(State{}, nil)
		first := hello("alice", 1, 1, epoch)
		first.Retained = retained
		l.Track(first)
		forged := hello("alice", 1, 2, epoch.Add(time.Second))
		forged.Topic = "hello_world/press/x"
		for _, a := range []stream.Arrival{forged, first, forged} {
			a.Retained = false
			e := l.Track(a)
			if foreign := a.Topic == forged.Topic; foreign && (e.Outcome != Stored || e.Message.Ours || e.Sender != a.Topic || e.Next != 0) {
				t.Errorf("first retained %v: the forged one: %+v", retained, e)
			}
		}
		e := l.Track(hello("alice", 1, 2, epoch.Add(2*time.Second)))
		if e.Outcome != Stored || !e.Message.Ours || e.Sender != "alice" || e.Counters.Duplicates > 1 {
			t.Errorf("first retained %v: %+v", retained, e)
		}
		// A store keeps of which topic they are.
		text, err := json.Marshal(slices.Collect(maps.Values(l.senders)))
		if err != nil {
			t.Fatal(err)
		}
		var states []*SenderState
		if err := json.Unmarshal(text, &states); err != nil {
			t.Fatal(err)
		}
		l = New(l.State(), states)
		forged = hello("alice", 1, 3, epoch.Add(3*time.Second))
		forged.Topic = "hello_world/press/x"
		if e := l.Track(forged); e.Message == nil || e.Message.Ours {
			t.Errorf("first retained %v, stored states: %+v", retained, e)
		}
	}
}

func TestTrackerIgnores(t *testing.T) {
	l := New(State{}, nil)
	e := l.Track(stream.Arrival{Topic: stream.PresenceTopic("press-1"), Payload: []byte(`{"state":"gone","boot":"b"}`)})
	if e.Outcome != Ignored || e.Sender != "press-1" || e.Presence == nil || e.Presence.State != "gone" {
		t.Errorf("presence: %+v", e)
	}
	for topic, payload := range map[string]string{
		stream.CommandTopic("press-1"): `{"do":"pause"}`, stream.PresenceTopic("press-1"): "", stream.PresenceTopic("a/b"): `{"state":"gone"}`,
		"hellox/presence/press-2": `{"state":`,
	} {
		if e := l.Track(stream.Arrival{Topic: topic, Payload: []byte(payload)}); e.Outcome != Ignored || e.Presence != nil {
			t.Errorf("%s %s: %+v", topic, payload, e)
		}
	}
	if e := l.Track(stream.Arrival{Topic: "lamp", Payload: []byte("ON"), Retained: true, Superseded: true}); e.Outcome != Ignored || l.senders["lamp"] != nil {
		t.Errorf("superseded: %+v", e)
	}
	if s := l.State(); s.LastID != 0 || s.Totals.Received != 0 {
		t.Errorf("what is not part of the stream was counted: %+v", s)
	}
}

func TestTrackerEvictsTheLongestSilent(t *testing.T) {
	l := New(State{}, nil)
	l.bounds.senders = 100
	for i := range 150 {
		l.Track(stream.Arrival{Topic: fmt.Sprintf("t/%03d", i), Received: epoch})
	}
	changed, forgotten := l.Changes()
	if len(l.senders) > 100 || len(forgotten)+len(l.senders) != 150 || len(changed) != len(l.senders) {
		t.Fatalf("%d accounts, %d forgotten, %d changed", len(l.senders), len(forgotten), len(changed))
	}
	if forgotten[0] != "t/000" || l.senders["t/149"] == nil {
		t.Fatalf("forgot %v", forgotten)
	}
}

func BenchmarkTrack(b *testing.B) {
	l := New(State{}, nil)
	var arrivals []stream.Arrival
	for i := range 100_000 {
		arrivals = append(arrivals, hello(fmt.Sprintf("press-%d", i%1000), 0, uint64(i/1000+1), epoch.Add(time.Duration(i)*time.Microsecond)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%len(arrivals) == 0 {
			l = New(State{}, nil)
		}
		l.Track(arrivals[i%len(arrivals)])
	}
}
