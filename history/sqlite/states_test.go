package sqlite

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/stream"
)

// A stateRig drives a store by a clock of its own and notes what followers are
// told of the states of senders.
type stateRig struct {
	t     *testing.T
	s     *Store
	now   time.Time
	told  history.Follower
	seq   uint64
	start time.Time
}

func newStateRig(t *testing.T) *stateRig {
	r := &stateRig{t: t, start: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)}
	r.now = r.start
	r.s = openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{now: func() time.Time { return r.now }})
	r.told = r.s.Follow(history.Follow{After: history.Now})
	r.link(stream.Connected)
	return r
}

// at sets the clock to so many seconds after the start.
func (r *stateRig) at(seconds float64) {
	r.t.Helper()
	r.now = r.start.Add(time.Duration(seconds * float64(time.Second)))
	if _, err := r.s.Maintain(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *stateRig) link(state stream.LinkState) {
	r.s.SetLink(stream.Link{State: state, Since: r.now})
}

// arrive appends a message that arrives now.
func (r *stateRig) arrive(topic, payload string, retained bool) {
	r.t.Helper()
	historytest.AppendAll(r.t, r.s, stream.Arrival{Topic: topic, Payload: []byte(payload), Retained: retained, Received: r.now, Ack: historytest.Nothing})
}

// hello appends a broadcast of press-1 that declares the next one in 4 s.
func (r *stateRig) hello() {
	r.t.Helper()
	r.seq++
	h := stream.Hello{Text: "Hello world", Sender: "press-1", Boot: historytest.BootName(0), Seq: r.seq, Sent: r.now, Next: 4 * time.Second}
	r.arrive(stream.BroadcastTopic("press-1"), string(h.AppendJSON(nil)), false)
}

func (r *stateRig) presence(state string, paused bool) {
	r.t.Helper()
	p, err := json.Marshal(stream.Presence{State: state, Boot: historytest.BootName(0), Min: time.Second, Max: 10 * time.Second, Paused: paused})
	if err != nil {
		r.t.Fatal(err)
	}
	r.arrive(stream.PresenceTopic("press-1"), string(p), true)
}

// is fails unless the only sender is in a state since so many seconds after the
// start, or since no time if that is negative.
func (r *stateRig) is(want stream.State, since float64) {
	r.t.Helper()
	senders, err := r.s.Senders(r.t.Context())
	if err != nil || len(senders) != 1 {
		r.t.Fatalf("%d senders, %v", len(senders), err)
	}
	from := r.start.Add(time.Duration(since * float64(time.Second)))
	if since < 0 {
		from = time.Time{}
	}
	if one := senders[0]; one.State != want || !one.Since.Equal(from) {
		r.t.Errorf("after %v it is %s since %v, want %s since %v", r.now.Sub(r.start), one.State, one.Since.Sub(r.start), want, from.Sub(r.start))
	}
}

// wasTold fails unless followers were told of these states, in order.
func (r *stateRig) wasTold(want ...stream.State) {
	r.t.Helper()
	r.s.SetLink(stream.Link{State: stream.Connected, Cause: "the end"})
	var got []stream.State
	for end := false; !end; {
		events, err := r.told.Next(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range events {
			if e.Sender != nil {
				got = append(got, e.Sender.State)
			}
			end = end || e.Link != nil && e.Link.Cause == "the end"
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("followers were told (-want +got):\n%s", d)
	}
}

func TestStateByTime(t *testing.T) {
	r := newStateRig(t)
	r.hello()
	r.is(stream.OnTime, 0)
	r.at(4.9)
	r.is(stream.Late, 4.9)
	r.at(12.5)
	r.is(stream.Silent, 12.5)
	r.at(20)
	r.hello()
	r.is(stream.OnTime, 20)
	r.wasTold(stream.OnTime, stream.Late, stream.Silent, stream.OnTime)
}

// A topic that has one message, or too few for a cadence, is not on time.
func TestStateWithoutACadence(t *testing.T) {
	r := newStateRig(t)
	for i := range 4 {
		r.at(float64(60 * i))
		if i > 0 {
			r.is(stream.Unknown, 0)
		}
		r.arrive("hello_world/env", fmt.Sprint(i), false)
	}
	r.is(stream.OnTime, 180)
	r.at(180 + 90.5)
	r.is(stream.Late, 180+90.5)
	r.wasTold(stream.Unknown, stream.OnTime, stream.Late)
}

func TestStateOfRetainedMessages(t *testing.T) {
	r := newStateRig(t)
	for i := range 6 {
		r.at(float64(i))
		r.arrive("hello_world/sensor", fmt.Sprint(i), true)
		r.is(stream.Unknown, -1)
	}
	b, err := json.Marshal(must(r.s.Senders(t.Context()))[0])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil || fields["since"] != nil || fields["state"] != "unknown" {
		t.Errorf("%s", b)
	}
	r.wasTold(stream.Unknown)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A broadcaster is present before it sends its first message.
func TestStateOfAPresenceThatComesFirst(t *testing.T) {
	r := newStateRig(t)
	r.presence("here", true)
	if senders := must(r.s.Senders(t.Context())); len(senders) != 0 {
		t.Errorf("who has sent nothing is a sender: %+v", senders)
	}
	paused := func(want int) {
		t.Helper()
		if s := must(r.s.Stats(t.Context())); s.Paused != want {
			t.Errorf("%d are paused and were never heard, want %d", s.Paused, want)
		}
	}
	paused(1)
	r.presence("here", false)
	paused(0)
	r.presence("here", true)
	r.presence("lost", true)
	paused(0)
	r.presence("here", true)
	paused(1)
	r.at(1)
	r.hello() // by command
	paused(0)
	r.is(stream.Paused, 0)
	r.presence("here", false)
	r.is(stream.OnTime, 1)
	r.hello()
	all := must(r.s.Intervals(t.Context()))
	if len(all) != 1 || all[0].Declared == nil || all[0].Declared.MaxMS != 10_000 {
		t.Errorf("its interval is forgotten: %+v", all)
	}
}

func TestStateByPresence(t *testing.T) {
	r := newStateRig(t)
	r.presence("here", false)
	r.hello()
	r.at(2)
	r.presence("here", true)
	r.is(stream.Paused, 2)
	r.at(1000)
	r.is(stream.Paused, 2)
	r.presence("here", false)
	r.is(stream.OnTime, 1000)
	r.at(1011.5)
	r.is(stream.Late, 1011.5)
	r.presence("lost", false)
	r.is(stream.Lost, 1011.5)
	r.at(1020)
	r.presence("here", false)
	r.is(stream.OnTime, 1020)
	r.presence("gone", false)
	r.is(stream.Gone, 1020)
	r.at(1100)
	r.is(stream.Gone, 1020)
	r.wasTold(stream.OnTime, stream.Paused, stream.OnTime, stream.Late, stream.Lost, stream.OnTime, stream.Gone)
}

// While the receiver is without the broker nothing is known; afterwards a sender
// that is heard is on time, and one that is not is waited for.
func TestStateWithoutTheBroker(t *testing.T) {
	r := newStateRig(t)
	r.hello()
	r.at(1)
	r.link(stream.Retrying)
	r.is(stream.Unknown, 1)
	r.at(500)
	r.link(stream.Retrying) // another attempt
	r.is(stream.Unknown, 1)
	r.hello() // it waited in the session, and comes before the connection is told
	r.link(stream.Connected)
	r.is(stream.OnTime, 500)

	r.at(501)
	r.link(stream.Retrying)
	r.at(600)
	r.link(stream.Connected)
	r.is(stream.Unknown, 501)
	r.at(604.9)
	r.is(stream.Late, 604.9)

	r.presence("gone", false)
	r.at(700)
	r.link(stream.Retrying)
	r.is(stream.Unknown, 700)
	r.at(701)
	r.link(stream.Connected)
	r.is(stream.Gone, 604.9)
	r.wasTold(stream.OnTime, stream.Unknown, stream.OnTime, stream.Unknown, stream.Late, stream.Gone, stream.Unknown, stream.Gone)
}

// A receiver that starts again knows nothing until it has a connection, and has
// forgotten no pause.
func TestStateAfterARestart(t *testing.T) {
	for want, prepare := range map[stream.State]func(*stateRig){
		stream.Unknown: func(r *stateRig) { r.hello() },
		stream.Paused:  func(r *stateRig) { r.hello(); r.presence("here", true) },
		stream.Lost:    func(r *stateRig) { r.hello(); r.presence("lost", false) },
	} {
		r := newStateRig(t)
		prepare(r)
		r.now = r.start.Add(time.Hour)
		r.s = reopen(t, r.s)
		r.is(stream.Unknown, 3600)
		r.at(3601)
		r.link(stream.Connected)
		since := 0.0
		if want == stream.Unknown {
			since = 3600
		}
		r.is(want, since)
		if want == stream.Unknown {
			r.at(3601 + 4.9)
			r.is(stream.Late, 3601+4.9)
		}
	}
}

// Run looks at the senders anew when the connection comes back though nothing
// arrives.
func TestStateIsToldWithoutArrivals(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{})
	told := s.Follow(history.Follow{After: history.Now})
	h := stream.Hello{Text: "Hello world", Sender: "press-1", Boot: historytest.BootName(0), Seq: 1, Sent: time.Now(), Next: time.Millisecond}
	historytest.AppendAll(t, s, stream.Arrival{Topic: stream.BroadcastTopic("press-1"), Payload: h.AppendJSON(nil), Received: time.Now(), Ack: historytest.Nothing})
	in := make(chan stream.Arrival)
	done := make(chan error, 1)
	go func() { done <- s.Run(t.Context(), in) }()
	time.Sleep(10 * time.Millisecond) // Run has nothing to wait for now
	s.SetLink(stream.Link{State: stream.Connected, Since: time.Now()})
	for late := false; !late; { // or silent, which a sender of this interval is two milliseconds later
		events, err := told.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			late = late || e.Sender != nil && (e.Sender.State == stream.Late || e.Sender.State == stream.Silent)
		}
	}
	close(in)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
