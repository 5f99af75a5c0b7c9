package track

import (
	"encoding/json"
	"fmt"
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
			g := b.record(seq, false, 3)
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
	if e := say("t", "a", true, 0); e.Outcome != Stored || e.Message.Delta != stream.None {
		t.Errorf("first retained: %+v", e)
	}
	if e := say("t", "a", true, 1); e.Outcome != Duplicate {
		t.Errorf("retained again at a reconnect: verdict %d", e.Outcome)
	}
	if e := say("t", "a", false, 2); e.Outcome != Stored {
		t.Errorf("the same, said anew: verdict %d", e.Outcome)
	}
	if e := say("t", "b", false, 3); e.Outcome != Stored {
		t.Errorf("another: verdict %d", e.Outcome)
	}
	if e := say("t", "b", true, 4); e.Outcome != Duplicate {
		t.Errorf("published with retain while we listened, then replayed: verdict %d", e.Outcome)
	}
	if e := say("t", "a", true, 5); e.Outcome != Duplicate {
		t.Errorf("last kept as retained: verdict %d", e.Outcome)
	}
	if e := say("t", "c", true, 6); e.Outcome != Stored {
		t.Errorf("a new retained one: verdict %d", e.Outcome)
	}

	r := hello("p", 0, 5, epoch)
	r.Retained = true
	if e := l.Track(r); e.Outcome != Stored || e.Message.Latency != stream.None || e.Message.Missed != 0 {
		t.Errorf("ours, retained: %+v", e.Message)
	}
	if e := l.Track(r); e.Outcome != Duplicate {
		t.Errorf("ours, retained, again: verdict %d", e.Outcome)
	}
	if e := l.Track(hello("p", 0, 9, epoch.Add(time.Second))); e.Message.Missed != 0 {
		t.Errorf("the first live one after a retained one has missed %d: nobody was listening then", e.Message.Missed)
	}
	if e := l.Track(hello("p", 0, 11, epoch.Add(2*time.Second))); e.Message.Missed != 1 || e.Message.Delta != time.Second || e.Message.Latency != 3*time.Millisecond {
		t.Errorf("live: %+v", e.Message)
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
