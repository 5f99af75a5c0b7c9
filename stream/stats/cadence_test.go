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

// always is the Reception of a receiver that has never been without the broker.
var always = Reception{Since: noon.Add(-24 * time.Hour), Ended: noon.Add(-25 * time.Hour)}

func wantState(t *testing.T, c *Cadence, now float64, want stream.State, since float64) {
	t.Helper()
	if state, from := c.State(at(now), always); state != want || !from.Equal(at(since)) {
		t.Errorf("at %g s it is %s since %v, want %s since %g s", now, state, from.Sub(noon), want, since)
	}
}

func TestCadenceDeclared(t *testing.T) {
	var c Cadence
	c.Heard(at(0), 4*time.Second, always)
	wantState(t, &c, 4.8, stream.OnTime, 0)
	wantState(t, &c, 4.9, stream.Late, 4.9)
	wantState(t, &c, 12.4, stream.Late, 4.9)
	wantState(t, &c, 12.5, stream.Silent, 12.5)
	wantState(t, &c, 1e6, stream.Silent, 12.5)
	c.Heard(at(20), time.Second, always)
	wantState(t, &c, 20, stream.OnTime, 20)
	c.Heard(at(21), 10*time.Second, always)
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
		c.Heard(at(now), time.Duration(next)*time.Second, always)
		now += next
	}
	c.Heard(at(now), time.Second, always)
	wantState(t, &c, now+1.6, stream.Late, now+1.6)
	wantState(t, &c, now+28, stream.Late, now+1.6)
	if state, _ := c.State(at(now+31), always); state != stream.Silent {
		t.Errorf("31 s after the last it is %s", state)
	}
}

func TestCadenceLearned(t *testing.T) {
	var c Cadence
	for i := range 3 {
		c.Heard(at(60*float64(i)), 0, always)
		wantState(t, &c, 1e6, stream.Unknown, 0)
		if _, ok := c.Due(at(0), always); ok || c.Expected() != 0 {
			t.Error("a cadence is known after two intervals")
		}
	}
	c.Heard(at(180), 0, always)
	if d := c.Expected(); d != time.Minute {
		t.Errorf("expected after %v, want 1m", d)
	}
	wantState(t, &c, 180+90, stream.OnTime, 180)
	wantState(t, &c, 180+90.5, stream.Late, 180+90.5)
	wantState(t, &c, 180+180.5, stream.Silent, 180+180.5)

	// One outage teaches nothing, the second one within sixteen of its
	// lengths is a new cadence.
	c.Heard(at(1000), 0, always)
	if d := c.Expected(); d != time.Minute {
		t.Errorf("expected after %v, want 1m", d)
	}
	c.Heard(at(1900), 0, always)
	if d := c.Expected(); d != 820*time.Second {
		t.Errorf("expected after %v, want 820s", d)
	}
}

// What had queued up while the receiver was away comes at once, and is no cadence.
func TestCadenceIgnoresBursts(t *testing.T) {
	var c Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0, always)
	}
	for i := range 1000 {
		c.Heard(at(90+0.001*float64(i)), 0, always)
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
		c.Heard(at(now), 0, always)
		now += 60
	}
	for range 17 * 60 {
		now++
		c.Heard(at(now), 0, always)
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
		c.Heard(now, 0, always)
		now = now.Add(time.Second + time.Duration(r.Int64N(9e9)))
		switch state, _ := c.State(now.Add(-1), always); state {
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
	here := stream.Presence{State: "here", Boot: boot, Min: time.Second, Max: 4 * time.Second}
	var c Cadence
	c.Present(here, at(0), always)
	wantState(t, &c, 1e6, stream.Unknown, 0) // it has never sent
	c.Heard(at(1), 2*time.Second, always)
	c.Present(stream.Presence{State: "lost", Boot: old}, at(2), always) // the broker gave up the old connection only now
	wantState(t, &c, 2, stream.OnTime, 1)
	c.Present(stream.Presence{State: "lost", Boot: boot}, at(3), always)
	wantState(t, &c, 100, stream.Lost, 3)
	if _, ok := c.Due(at(3), always); ok {
		t.Error("time changes the state of a lost sender")
	}
	c.Present(stream.Presence{State: "lost", Boot: boot}, at(4), always) // published again
	wantState(t, &c, 100, stream.Lost, 3)
	c.Present(here, at(50), always)
	wantState(t, &c, 51, stream.OnTime, 50)
	wantState(t, &c, 54.9, stream.Late, 54.9)
	c.Heard(at(55), 2*time.Second, always)
	c.Present(stream.Presence{State: "gone", Boot: boot}, at(56), always)
	wantState(t, &c, 100, stream.Gone, 56)
	c.Heard(at(110), 2*time.Second, always) // a message is a sign of life
	wantState(t, &c, 110, stream.OnTime, 110)
	if c.Learned > 2*time.Second {
		t.Errorf("it learned %v from its absence", c.Learned)
	}
}

// A sender that was told to pause is paused, whatever it says in between, until
// it is resumed; then it is waited for anew.
func TestCadencePaused(t *testing.T) {
	const boot = "01JZ0000000000000000000002"
	p := stream.Presence{State: "here", Boot: boot, Min: time.Second, Max: 10 * time.Second}
	paused := p
	paused.Paused = true
	var c Cadence
	c.Present(p, at(0), always)
	c.Heard(at(1), 4*time.Second, always)
	c.Present(paused, at(2), always)
	wantState(t, &c, 1e6, stream.Paused, 2)
	if _, ok := c.Due(at(3), always); ok || c.Expected() != 0 {
		t.Error("a paused sender is expected")
	}
	c.Heard(at(30), 0, always) // it was told to say something
	c.Present(paused, at(40), always)
	wantState(t, &c, 1e6, stream.Paused, 2)
	c.Present(p, at(100), always)
	wantState(t, &c, 100, stream.OnTime, 100)
	wantState(t, &c, 111.5, stream.Late, 111.5)
	c.Heard(at(112), 3*time.Second, always)
	wantState(t, &c, 112, stream.OnTime, 112)
	if c.Learned != 0 {
		t.Errorf("it learned %v from the pause", c.Learned)
	}
	c.Present(paused, at(113), always)
	c.Started("01JZ0000000000000000000003", at(120), always) // a new start is not paused
	c.Heard(at(120), 3*time.Second, always)
	wantState(t, &c, 121, stream.OnTime, 120)
	c.Present(stream.Presence{State: "lost", Boot: "01JZ0000000000000000000003"}, at(122), always)
	wantState(t, &c, 123, stream.Lost, 122)
}

// What a sender declared with its last message does not hold after its interval
// was changed.
func TestCadenceIntervalChanged(t *testing.T) {
	p := stream.Presence{State: "here", Boot: "01JZ0000000000000000000002", Min: time.Hour, Max: time.Hour}
	var c Cadence
	c.Present(p, at(0), always)
	for i := range 5 {
		c.Heard(at(3600*float64(i)), time.Hour, always)
	}
	p.Min, p.Max = time.Second, 2*time.Second
	c.Present(p, at(4*3600+10), always)
	wantState(t, &c, 4*3600+12.7, stream.Late, 4*3600+12.7)
	wantState(t, &c, 4*3600+16.5, stream.Silent, 4*3600+16.5)
	if c.Min != time.Second || c.Max != 2*time.Second || !c.Changed.Equal(at(4*3600+10)) {
		t.Errorf("it declares %v to %v since %v", c.Min, c.Max, c.Changed)
	}
}

// Without a connection to the broker nothing is known; with one again, nothing
// until the sender is heard, or has had the time to be.
func TestCadenceWithoutTheBroker(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*Cadence)
		back    stream.State // once the connection stands
		silent  bool         // if nothing comes then
	}{
		"on time":     {func(c *Cadence) { c.Heard(at(58), 4*time.Second, always) }, stream.Unknown, true},
		"silent":      {func(c *Cadence) { c.Heard(at(0), 4*time.Second, always) }, stream.Unknown, true},
		"one message": {func(c *Cadence) { c.Heard(at(58), 0, always) }, stream.Unknown, false},
		"retained":    {func(*Cadence) {}, stream.Unknown, false},
		"gone":        {func(c *Cadence) { c.Present(stream.Presence{State: "gone"}, at(58), always) }, stream.Gone, false},
		"paused":      {func(c *Cadence) { c.Present(stream.Presence{State: "here", Paused: true}, at(58), always) }, stream.Paused, false},
	} {
		t.Run(name, func(t *testing.T) {
			var one Cadence
			c.prepare(&one)
			away := Reception{Ended: at(60)}
			if state, since := one.State(at(61), away); state != stream.Unknown || !since.Equal(at(60)) {
				t.Errorf("without the broker it is %s since %v", state, since)
			}
			if _, ok := one.Due(at(61), away); ok {
				t.Error("time changes it without the broker")
			}
			again := Reception{Since: at(100), Ended: at(60)}
			if state, _ := one.State(at(100), again); state != c.back {
				t.Errorf("with the broker again it is %s, want %s", state, c.back)
			}
			due, ok := one.Due(at(100), again)
			if ok != c.silent || ok && !due.Equal(at(104.9)) {
				t.Errorf("then it is due at %v, %t", due, ok)
			}
			if state, since := one.State(at(1000), again); c.silent && (state != stream.Silent || !since.Equal(at(112.5))) {
				t.Errorf("after a while it is %s since %v", state, since)
			}
			// What waited in its session came just before the connection was told.
			one.Heard(at(99.9), 4*time.Second, away)
			if state, since := one.State(at(101), again); c.back == stream.Unknown && (state != stream.OnTime || !since.Equal(at(99.9))) {
				t.Errorf("heard, it is %s since %v", state, since)
			}
			if one.Learned != 0 {
				t.Errorf("it learned %v from the outage", one.Learned)
			}
		})
	}
}

// Due returns each moment at which State changes, and no other.
func TestCadenceDue(t *testing.T) {
	var c Cadence
	if _, ok := c.Due(at(0), always); ok {
		t.Error("the unused one is due")
	}
	c.Heard(at(0), 4*time.Second, always)
	now := at(0)
	for _, want := range []stream.State{stream.Late, stream.Silent} {
		due, ok := c.Due(now, always)
		if !ok || !due.After(now) {
			t.Fatalf("at %v it is due at %v, %t", now, due, ok)
		}
		if state, _ := c.State(due.Add(-1), always); state == want {
			t.Errorf("it is %s before it is due", want)
		}
		if state, _ := c.State(due, always); state != want {
			t.Errorf("it is %s when due, want %s", state, want)
		}
		now = due
	}
	if _, ok := c.Due(now, always); ok {
		t.Error("a silent sender is due again")
	}
}

func TestCadenceClockSetBack(t *testing.T) {
	var c Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0, always)
	}
	c.Heard(at(-3600), 0, always)
	c.Heard(at(-3590), 0, always)
	if d := c.Expected(); d < 9*time.Second || d > 10*time.Second {
		t.Errorf("expected after %v, want 10s", d)
	}
	wantState(t, &c, -3589, stream.OnTime, 30)
}

func TestCadenceSurvivesJSON(t *testing.T) {
	var c, back Cadence
	for i := range 10 {
		c.Heard(at(10*float64(i)), 0, always)
	}
	c.Present(stream.Presence{State: "lost", Boot: "01JZ0000000000000000000001"}, at(91), always)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &back); err != nil || back != c {
		t.Errorf("%s came back as %+v, %v", b, back, err)
	}
}
