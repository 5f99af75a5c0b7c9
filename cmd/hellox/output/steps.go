package output

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// Steps shows the steps of up and down as they end: one line each, with a sign
// and the time it took. On a capable terminal a spinner shows the step that is
// under way. With JSON each step is one object a line on stdout instead.
type Steps struct {
	out   io.Writer // human text
	json  *json.Encoder
	smart bool
	width int
	now   func() time.Time

	mu      sync.Mutex
	name    string
	detail  string
	waiting string          // what the step waits for, shown in place of detail
	told    map[string]bool // what was told to be waited for, a line each
	shown   string          // the last progress that was written as a line
	shownAt time.Time
	began   time.Time
	spun    int
	stop    chan struct{}
	stopped chan struct{}
}

// NewSteps returns the step lines of a command: for people on errs, or, if asJSON,
// as objects on out.
func NewSteps(out, errs io.Writer, env func(string) (string, bool), asJSON bool) *Steps {
	s := &Steps{out: errs, smart: Capable(errs, env), width: columns(errs), now: time.Now, told: make(map[string]bool)}
	if asJSON {
		s.out, s.json, s.smart = io.Discard, json.NewEncoder(out), false
	}
	return s
}

const (
	signDone   = "✓"
	signFailed = "✗"
	signNote   = "•"
	signWarn   = "◐"
)

// Begin says that the step called name is under way.
func (s *Steps) Begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.detail, s.began = name, "", s.now()
	s.shown, s.shownAt = "", s.began
	s.event(Event{State: StateBegin})
	if !s.smart {
		return
	}
	s.stop, s.stopped = make(chan struct{}), make(chan struct{})
	go s.spin(s.stop, s.stopped)
}

// progressEvery is how long a step takes before its progress is written as a line,
// where no spinner shows it, and how long until the next such line.
const progressEvery = 5 * time.Second

// Progress says in a few words how far the step is: beside the spinner, or, in a step
// that takes long, in a line when that changed.
func (s *Steps) Progress(detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detail = detail
	if s.name == "" { // no step is under way
		return
	}
	now := s.now()
	if s.smart || detail == s.shown || s.json == nil && now.Sub(s.shownAt) < progressEvery {
		return
	}
	s.shown, s.shownAt = detail, now
	if s.event(Event{State: StateProgress, Detail: OneLine(detail), MS: milliseconds(now.Sub(s.began))}) {
		return
	}
	s.line(signNote, s.name+": "+detail, fmt.Sprintf("%.0f s", now.Sub(s.began).Seconds()))
}

// Waiting says which questions have not been answered for a while: beside the step
// under way, or in a line each.
func (s *Steps) Waiting(questions []string) {
	s.mu.Lock()
	spins := s.stop != nil
	s.waiting = ""
	if len(questions) > 0 {
		s.waiting = "waiting for " + strings.Join(questions, ", ")
	}
	var untold []string
	for _, q := range questions {
		if !spins && !s.told[q] {
			s.told[q] = true
			untold = append(untold, q)
		}
	}
	s.mu.Unlock()
	for _, q := range untold {
		s.Note("waiting for " + q)
	}
}

// Done ends the step with what it found or did.
func (s *Steps) Done(text string, unchanged bool) {
	s.end(signDone, StateDone, text, unchanged)
}

// Drop forgets the step under way: another process does it and tells of it.
func (s *Steps) Drop() {
	s.halt()
	s.name = ""
}

// Fail ends the step that is under way, if there is one; the error itself is
// reported at the end of the command.
func (s *Steps) Fail(err error) {
	s.mu.Lock()
	name := s.name
	s.mu.Unlock()
	if name == "" {
		return
	}
	text := OneLine(err.Error())
	if s.json == nil && !strings.HasPrefix(text, name+" ") { // "build press: …" names the step itself
		text = name + ": " + text
	}
	s.end(signFailed, StateFailed, text, false)
}

// Round ends the step of a round of up --watch: what it did, and how long after the
// change, or why it failed and what that means.
func (s *Steps) Round(text string, after time.Duration, err error) {
	s.halt()
	sign, e := signDone, Event{State: StateDone, Detail: OneLine(text), MS: milliseconds(after)}
	if err != nil {
		text = OneLine(err.Error()) + "; " + text
		sign, e.State, e.Detail = signFailed, StateFailed, OneLine(text)
	}
	s.change(sign, text, e)
	s.Drop()
}

// Note says something that is no step: a port that moved, a choice made.
func (s *Steps) Note(text string) {
	s.say(signNote, text, Event{State: StateNote, Detail: OneLine(text)})
}

// Warn says what is wrong while the step under way goes on.
func (s *Steps) Warn(text string) {
	s.say(signWarn, text, Event{State: StateWarning, Detail: OneLine(text)})
}

// Degraded says that nothing is acknowledged for now, and why.
func (s *Steps) Degraded(cause string) {
	s.change(signWarn, "degraded: "+cause, Event{State: StateDegraded, Detail: OneLine(cause)})
}

// Recovered says that what Degraded said is over.
func (s *Steps) Recovered(after time.Duration) {
	text := fmt.Sprintf("well again after %.0f s: everything is acknowledged", after.Seconds())
	s.change(signDone, text, Event{State: StateRecovered, Detail: text, MS: milliseconds(after)})
}

// Failing says which pod fails and why, while all is up.
func (s *Steps) Failing(pod, why string) {
	text := OneLine(pod + ": " + why)
	s.change(signWarn, text, Event{State: StateWarning, Detail: text})
}

// Well says that what Failing said of a pod is over.
func (s *Steps) Well(pod string, after time.Duration) {
	text := fmt.Sprintf("%s is well again after %.0f s", OneLine(pod), after.Seconds())
	s.change(signDone, text, Event{State: StateRecovered, Detail: text, MS: milliseconds(after)})
}

// change says what became of an installation that is up, and when.
func (s *Steps) change(sign, text string, e Event) {
	s.say(sign, s.now().Format(time.TimeOnly)+" "+text, e)
}

// say writes e, or text on a line of its own.
func (s *Steps) say(sign, text string, e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.event(e) {
		return
	}
	s.erase()
	s.line(sign, text, "")
}

// event writes e with the time and the step under way, and reports whether events are
// written at all. s.mu is held.
func (s *Steps) event(e Event) bool {
	if s.json == nil {
		return false
	}
	e.At, e.Step = Timestamp(s.now()), s.name
	_ = s.json.Encode(e) // out remembers the error, and main reports it
	return true
}

// milliseconds returns d in thousandths of a second, with microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (s *Steps) end(sign string, state State, text string, unchanged bool) {
	s.halt()
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.now().Sub(s.began)
	if s.event(Event{State: state, Detail: OneLine(text), Unchanged: unchanged, MS: milliseconds(took)}) {
		s.name = ""
		return
	}
	if unchanged {
		text += ", unchanged"
	}
	s.line(sign, text, fmt.Sprintf("%.1f s", took.Seconds()))
	s.name = ""
}

// line writes one line with the time at its right edge.
func (s *Steps) line(sign, text, right string) {
	text = OneLine(text)
	if right != "" {
		room := s.width - 4 - len(right) - 1
		text += strings.Repeat(" ", max(0, room-ansi.StringWidth(text))) + " " + right
	}
	fmt.Fprintf(s.out, " %s %s\n", sign, text)
}

// spin draws the step under way ten times a second until stop is closed.
func (s *Steps) spin(stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			s.mu.Lock()
			s.spun++
			text := s.name
			if detail := cmp.Or(s.waiting, s.detail); detail != "" {
				text += ": " + detail
			}
			text = fmt.Sprintf("%s (%.0f s)", OneLine(text), s.now().Sub(s.began).Seconds())
			frame := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[s.spun%10]
			fmt.Fprintf(s.out, "\r %c %s%s", frame, ansi.Truncate(text, s.width-4, "…"), ansi.EraseLineRight)
			s.mu.Unlock()
		}
	}
}

func (s *Steps) halt() {
	s.mu.Lock()
	stop, stopped := s.stop, s.stopped
	s.stop = nil
	s.mu.Unlock()
	if stop == nil {
		return
	}
	close(stop)
	<-stopped
	s.mu.Lock()
	s.erase()
	s.mu.Unlock()
}

func (s *Steps) erase() {
	if s.smart {
		fmt.Fprint(s.out, "\r"+ansi.EraseLineRight)
	}
}
