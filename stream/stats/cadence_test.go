package stats

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"hellox/stream"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// at is noon and so many seconds.
func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func wantState(t *testing.T, c *Cadence, now float64, want stream.State, since float64) {
	t.Helper()
	if state, from := c.State(at(now)); state != want || !from.Equal(at(since)) {
		t.Errorf("at %g s it is %s since %v, want %s since %g s", now, state, from.Sub(noon), want, since)
	}
}

func TestCadenceDeclared(t *testing.T) {
	var c Cadence
	c.Heard(at(0), 4*time.Second)
	wantState(t, &c, 4.8, stream.OnTime, 0)
	wantState(t, &c, 4.9, stream.Late, 4.9)
	wantState(t, &c, 12.4, stream.Late, 4.9)
	wantState(t, &c, 12.5, stream.Silent, 12.5)
	wantState(t, &c, 1e6, stream.Silent, 12.5)
	c.Heard(at(20), time.Second)
	wantState(t, &c, 20, stream.OnTime, 20)
	c.Heard(at(21), 10*time.Second)
	wantState(t, &c, 31, stream.OnTime, 20)
	if d := c.Expected(); d != 10*time.Second {
		t.Errorf("expected after %v", d)
	}
}

// A broadcaster that declares 1 s and usually takes up to 10 is late soon, but
// silent no sooner than after any other of its messages.
func TestCadenceDeclaredShort(t *testing.T) {
	var c Cadence
	now := 0.0
	for i := range 40 {
		next := 1 + float64(i%10)
		c.Heard(at(now), time.Duration(next)*time.Second)
		now += next
	}
	c.Heard(at(now), time.Second)
	wantState(t, &c, now+1.6, stream.Late, now+1.6)
	wantState(t, &c, now+28, stream.Late, now+1.6)
	if state, _ := c.State(at(now + 31)); state != stream.Silent {
		t.Errorf("31 s after the last it is %s", state)
	}
}

func TestCadenceLearned(t *testing.T) {
	var c Cadence
	for i := range 3 {
		c.Heard(at(60*float64(i)), 0)
		wantState(t, &c, 1e6, stream.OnTime, 0) // not known yet
		if _, ok := c.Due(at(0)); ok || c.Expected() != 0 {
			t.Error("a cadence is known after two intervals")
		}
	}
	c.Heard(at(180), 0)
	if d := c.Expected(); d != time.Minute {
		t.Errorf("expected after %v, want 1m", d)
	}
	wantState(t, &c, 180+90, stream.OnTime, 0)
	wantState(t, &c, 180+90.5, stream.Late, 180+90.5)
	wantState(t, &c, 180+180.5, stream.Silent, 180+180.5)

	// One outage teaches nothing, the second one within sixteen of its
	// lengths is a new cadence.
	c.Heard(at(1000), 0)
	if d := c.Expected(); d != time.Minute {
		t.Errorf("expected after %v, want 1m", d)
	}
	c.Heard(at(1900), 0)
	if d := c.Expected(); d != 820*time.Second {
		t.Errorf("expected after %v, want 820s", d)
	}
}

// What had queued up while the receiver was away comes at once, and is no cadence.
func TestCadenceIgnoresBursts(t *testing.T) {
	var c Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0)
	}
	for i := range 1000 {
		c.Heard(at(90+0.001*float64(i)), 0)
	}
	if d := c.Expected(); d < 9*time.Second {
		t.Errorf("expected after %v, want nearly 10s", d)
	}
}

// A sender that became quicker is believed after a while.
func TestCadenceBecomesQuicker(t *testing.T) {
	var c Cadence
	now := 0.0
	for range 10 {
		c.Heard(at(now), 0)
		now += 60
	}
	for range 17 * 60 {
		now++
		c.Heard(at(now), 0)
	}
	if d := c.Expected(); d != time.Second {
		t.Errorf("expected after %v, want 1s", d)
	}
}

// Random intervals of 1 to 10 s that are not declared (the original apps) are
// hardly ever called late, and never silent.
func TestCadenceOfUniformIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var c Cadence
	now := noon
	const n = 20_000
	late := 0
	for range n {
		c.Heard(now, 0)
		now = now.Add(time.Second + time.Duration(r.Int64N(9e9)))
		switch state, _ := c.State(now.Add(-1)); state {
		case stream.Late:
			late++
		case stream.Silent:
			t.Fatal("it is called silent")
		}
	}
	t.Logf("late before %d of %d messages", late, n)
	if late > n/200 {
		t.Errorf("late before %d of %d messages", late, n)
	}
}

func TestCadencePresence(t *testing.T) {
	const old, boot = "01JZ0000000000000000000001", "01JZ0000000000000000000002"
	var c Cadence
	c.Present(stream.Presence{State: "here", Boot: boot}, at(0))
	wantState(t, &c, 1e6, stream.OnTime, 0)
	c.Heard(at(1), 2*time.Second)
	c.Present(stream.Presence{State: "lost", Boot: old}, at(2)) // the broker gave up the old connection only now
	wantState(t, &c, 2, stream.OnTime, 0)
	c.Present(stream.Presence{State: "lost", Boot: boot}, at(3))
	wantState(t, &c, 100, stream.Lost, 3)
	if _, ok := c.Due(at(3)); ok {
		t.Error("time changes the state of a lost sender")
	}
	c.Present(stream.Presence{State: "lost", Boot: boot}, at(4)) // published again
	wantState(t, &c, 100, stream.Lost, 3)
	c.Present(stream.Presence{State: "here", Boot: boot}, at(50))
	wantState(t, &c, 51, stream.OnTime, 50)
	c.Heard(at(52), 2*time.Second)
	c.Present(stream.Presence{State: "gone", Boot: boot}, at(53))
	wantState(t, &c, 100, stream.Gone, 53)
	c.Heard(at(110), 2*time.Second) // a message is a sign of life
	wantState(t, &c, 110, stream.OnTime, 110)
	if c.Learned > 2*time.Second {
		t.Errorf("it learned %v from its absence", c.Learned)
	}
}

// Due returns each moment at which State changes, and no other.
func TestCadenceDue(t *testing.T) {
	var c Cadence
	if _, ok := c.Due(at(0)); ok {
		t.Error("the unused one is due")
	}
	c.Heard(at(0), 4*time.Second)
	now := at(0)
	for _, want := range []stream.State{stream.Late, stream.Silent} {
		due, ok := c.Due(now)
		if !ok || !due.After(now) {
			t.Fatalf("at %v it is due at %v, %t", now, due, ok)
		}
		if state, _ := c.State(due.Add(-1)); state == want {
			t.Errorf("it is %s before it is due", want)
		}
		if state, _ := c.State(due); state != want {
			t.Errorf("it is %s when due, want %s", state, want)
		}
		now = due
	}
	if _, ok := c.Due(now); ok {
		t.Error("a silent sender is due again")
	}
}

func TestCadenceClockSetBack(t *testing.T) {
	var c Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0)
	}
	c.Heard(at(-3600), 0)
	c.Heard(at(-3590), 0)
	if d := c.Expected(); d < 9*time.Second || d > 10*time.Second {
		t.Errorf("expected after %v, want 10s", d)
	}
	wantState(t, &c, -3589, stream.OnTime, 0)
}

func TestCadenceSurvivesJSON(t *testing.T) {
	var c, back Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0)
	}
	c.Present(stream.Presence{State: "lost", Boot: "01JZ0000000000000000000001"}, at(91))
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &back); err != nil || back != c {
		t.Errorf("%s came back as %+v, %v", b, back, err)
	}
}
