package tui

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/theme"
	"hellox/tui/tuitest"
)

// screen drives a model by hand: each command that a test cares for is run in
// the test's own goroutine, so that nothing depends on time.
type screen struct {
	t testing.TB
	m model
}

// open shows a store on a screen of w by h cells.
func open(t testing.TB, store history.Store, profile termenv.Profile, w, h int, change ...func(*Options)) *screen {
	t.Helper()
	return openOn(t, store, profile, true, w, h, change...)
}

// openOn does so on a dark or a light background.
func openOn(t testing.TB, store history.Store, profile termenv.Profile, dark bool, w, h int, change ...func(*Options)) *screen {
	t.Helper()
	r := lipgloss.NewRenderer(io.Discard)
	r.SetColorProfile(profile)
	r.SetHasDarkBackground(dark)
	o := Options{Store: store, Title: "kind-hellox · hellox", Memory: 1 << 20, Now: func() time.Time { return tuitest.At.Add(20 * time.Second) }}
	for _, c := range change {
		c(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	src := source.New(ctx, store, o.Client).WithRecorder(o.Recorder).WithFilters(o.Filters).WithScale(o.Scale)
	t.Cleanup(func() { cancel(); src.Wait() })
	s := &screen{t, newModel(src, theme.New(r), o)}
	s.send(tea.WindowSizeMsg{Width: w, Height: h})
	s.read()
	s.poll()
	return s
}

// send hands the model a message and returns the command that it wants run.
func (s *screen) send(msg tea.Msg) tea.Cmd {
	next, cmd := s.m.Update(msg)
	s.m = next.(model)
	return cmd
}

// read reads a page, as after each new selection, and counts what is before it.
func (s *screen) read() {
	s.send(s.m.shared.src.Read(s.m.shared.gen, s.m.place, s.m.shared.since, s.m.shared.sel)())
	s.survey()
}

func (s *screen) poll() {
	s.send(s.m.shared.src.Poll(s.m.showsSenders(), s.m.layout.showsPanel(s.m.tab))())
}

// follow takes in what has come since.
func (s *screen) follow() { s.send(s.m.feed.Next(s.m.shared.gen)()) }

// older takes in the page before.
func (s *screen) older() {
	s.send(s.m.shared.src.Older(s.m.shared.gen, s.m.list.older, s.m.shared.since, s.m.shared.sel)())
}

// survey counts the messages of the selection, and what the store has counted.
func (s *screen) survey() {
	sh := s.m.shared
	if !s.m.narrowed() {
		s.send(sh.src.Topics(sh.gen)())
	}
	for s.m.counting > 0 {
		s.send(sh.src.Survey(sh.gen, s.m.counting, sh.since, sh.sel)())
	}
}

// newer takes in the page after.
func (s *screen) newer() {
	s.send(s.m.shared.src.Newer(s.m.shared.gen, s.m.list.newest(), s.m.shared.since, s.m.shared.sel)())
}

// press presses keys by their names; what is no name is typed.
func (s *screen) press(names ...string) {
	special := map[string]tea.KeyType{
		"up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight, "enter": tea.KeyEnter, "esc": tea.KeyEsc,
		"tab": tea.KeyTab, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "end": tea.KeyEnd, "backspace": tea.KeyBackspace, "home": tea.KeyHome, "ctrl+c": tea.KeyCtrlC,
	}
	for _, name := range names {
		if k, ok := special[name]; ok {
			s.send(tea.KeyMsg{Type: k})
			continue
		}
		for _, r := range name {
			if r == ' ' {
				s.send(tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{r}})
			} else {
				s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}})
			}
		}
	}
}

// lines returns the frame without its colours.
func (s *screen) lines() []string { return strings.Split(tuitest.Bare(s.m.View()), "\n") }

// shows fails unless the frame has each of the words.
func (s *screen) shows(words ...string) {
	s.t.Helper()
	frame := tuitest.Bare(s.m.View())
	for _, w := range words {
		if !strings.Contains(frame, w) {
			s.t.Errorf("the screen does not show %q:\n%s", w, frame)
		}
	}
}

// hides fails if the frame has one of the words.
func (s *screen) hides(words ...string) {
	s.t.Helper()
	frame := tuitest.Bare(s.m.View())
	for _, w := range words {
		if strings.Contains(frame, w) {
			s.t.Errorf("the screen shows %q:\n%s", w, frame)
		}
	}
}

// plant is a store with a little of everything.
func plant() *tuitest.Store {
	s := tuitest.NewStore()
	s.Totals.Link = stream.Link{State: stream.Connected}
	var all []stream.Message
	for i := range 12 {
		t := tuitest.At.Add(time.Duration(i) * 1310 * time.Millisecond)
		n := uint64(i)/3 + 1
		m := tuitest.Hello([]string{"press-1", "press-2", "press-3"}[i%3], n, t, 3930*time.Millisecond, time.Duration(1800+100*i)*time.Microsecond)
		if i < 3 {
			m.Delta = stream.None
		}
		all = append(all, m)
	}
	all[0].DeltaAny = stream.None
	all[4].Missed = 3
	all[5].Reordered = true
	all = append(all,
		stream.Message{Topic: "hello_world/plant/日本/température", Payload: []byte(`{"temp":31.5,"unit":"°C"}`), Sender: "hello_world/plant/日本/température",
			Retained: true, Received: tuitest.At.Add(16 * time.Second), Delta: stream.None, DeltaAny: 300 * time.Millisecond, Latency: stream.None},
		stream.Message{Topic: "hello_world/publish", Payload: []byte("\x1b]0;owned\x07 \u202Eevil\x00\xff"), Sender: "hello_world/publish",
			Received: tuitest.At.Add(17 * time.Second), Delta: 14 * time.Minute, DeltaAny: time.Second, Latency: stream.None},
		tuitest.Hello("press-1", 5, tuitest.At.Add(18*time.Second), 2280*time.Millisecond, 2100*time.Microsecond),
	)
	s.Say(all...)
	recent := []float64{3930, 4100, 1200, 9998, 5000, 3930}
	spread, quantile := &stream.Spread{Last: 3930, Min: 1002, Mean: 5512.4, Max: 9998}, &stream.Quantile{P50: 1.8, P90: 2.4, P99: 9.1, Max: 14}
	s.Known = []stream.Sender{
		{Sender: "hello_world/publish", State: stream.Silent, LastSeen: tuitest.At.Add(-21 * time.Second), Messages: 1},
		{Sender: "press-1", Ours: true, State: stream.OnTime, LastSeen: tuitest.At.Add(18 * time.Second), Messages: 5, Rates: stream.Rates{Minute: 0.2}, RecentMS: recent, IntervalMS: spread, LatencyMS: quantile},
		{Sender: "press-2", Ours: true, State: stream.Late, LastSeen: tuitest.At.Add(8 * time.Second), ExpectedMS: 9000, Missed: 3, Messages: 4, Pod: &stream.Pod{Name: "press-2", Phase: "Running", Reason: "CrashLoopBackOff"}, Rates: stream.Rates{Minute: 0.1}, RecentMS: recent[:4], IntervalMS: spread, LatencyMS: quantile},
		{Sender: "press-3", Ours: true, State: stream.Gone, Since: tuitest.At.Add(15 * time.Second), LastSeen: tuitest.At.Add(14 * time.Second), Reordered: 1, Messages: 4},
		{Sender: "press-4", Ours: true, State: stream.Lost, Since: tuitest.At.Add(15 * time.Second), LastSeen: tuitest.At.Add(14 * time.Second), Messages: 4},
	}
	p := 0.41
	s.Histograms = []history.Intervals{{Sender: "press-1", FromMS: 1000, StepMS: 500, MinMS: 1002, MeanMS: 5512, MaxMS: 9998,
		Counts: []uint64{4, 5, 6, 5, 4, 6, 5, 7, 4, 5, 6, 5, 4, 6, 5, 5, 6, 4}, Declared: &history.Declared{MinMS: 1000, MaxMS: 10_000, Count: 95, Beyond: 3, P: &p}}}
	return s
}
