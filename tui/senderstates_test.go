package tui

import (
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/source"
	"hellox/tui/tuitest"
)

// Paused and unknown senders look like no other, and an unknown one says why.
func TestSendersThatAreNotJudged(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	store.Known = []stream.Sender{
		{Sender: "a", Ours: true, State: stream.Paused, LastSeen: tuitest.At, Messages: 9},
		{Sender: "b", State: stream.Unknown, LastSeen: tuitest.At, Messages: 1},
		{Sender: "c", State: stream.Unknown, Messages: 3},
		{Sender: "d", State: stream.Unknown, LastSeen: tuitest.At, Messages: 2},
		{Sender: "e", Ours: true, State: stream.OnTime, LastSeen: tuitest.At, Messages: 2},
	}
	for _, size := range []struct{ w, h int }{{80, 24}, {160, 50}} {
		s := open(t, store, termenv.Ascii, size.w, size.h)
		if size.w == 80 {
			s.press("3")
		} else {
			s.shows("5 senders  ● 1  ‖ 1  ◌ 3")
		}
		s.poll()
		s.shows("◌ ", "one message", "retained", "unknown", "‖ ", "paused")
	}

	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("3")
	s.poll()
	s.shows("● on time")
	store.Add(history.Event{Link: &stream.Link{State: stream.Retrying, Since: tuitest.At.Add(8 * time.Second)}})
	s.follow()
	s.hides("● on time", "‖")
	s.shows("◌ away 12 s")
	// Another attempt does not begin to count anew.
	store.Add(history.Event{Link: &stream.Link{State: stream.Retrying, Since: tuitest.At.Add(19 * time.Second)}})
	s.follow()
	s.shows("◌ away 12 s")
	store.Add(history.Event{Link: &stream.Link{State: stream.Connected}})
	s.follow()
	s.shows("● on time", "‖ paused")
}

// The last intervals are drawn at 80 columns, and on a wide screen names have more room
// beside the list.
func TestSendersUseTheRoom(t *testing.T) {
	store, name := tuitest.NewStore(), "a-sender-with-longer-name"
	for _, one := range []string{name, "hello_world/a/topic/of/its/own"} {
		store.Known = append(store.Known, stream.Sender{Sender: one, Ours: true, State: stream.OnTime, LastSeen: tuitest.At, Messages: 9, RecentMS: []float64{1000, 2000, 1000, 3000}})
	}
	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("3")
	s.poll()
	s.shows("rate 1 min", "missed", "intervals", "▃▅▃█")
	s = open(t, store, termenv.Ascii, 220, 50)
	s.poll()
	s.shows("┃" + name + " ")
}

// For how long a sender is silent is there to the end: in the table in full, in the
// narrow panel in its largest unit.
func TestSilenceIsNotCut(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	store.Known = []stream.Sender{
		{Sender: "broadcast-0", Ours: true, State: stream.Silent, LastSeen: tuitest.At.Add(-645 * time.Second), Messages: 9},
		{Sender: "broadcast-1", Ours: true, State: stream.Silent, LastSeen: tuitest.At.Add(-47 * time.Hour), Messages: 9},
	}
	for _, w := range []int{80, 120, 160} {
		s := open(t, store, termenv.Ascii, w, 24)
		if w == 160 {
			s.poll()
			s.shows("silent 11 m ", "silent 47 h ", "broadcast-0", "broadcast-1")
			s.hides("…")
		}
		s.press("3")
		s.poll()
		s.shows("○ silent 11 m 05 s ", "○ silent 47 h 00 m ", "broadcast-0 ", "broadcast-1 ")
	}
}

// The senders are read as soon as they are shown, not with the next totals.
func TestSendersAreReadWhenTheyAreShown(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	store.Known = []stream.Sender{{Sender: "a", Ours: true, State: stream.OnTime, LastSeen: tuitest.At, Messages: 1}}
	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("3")
	s.poll()
	s.press("1")
	store.Known = []stream.Sender{{Sender: "a", Ours: true, State: stream.Silent, LastSeen: tuitest.At, Messages: 1}}
	polls := 0
	for _, msg := range s.run(s.key("3")) {
		if m, ok := msg.(source.PollMsg); ok {
			polls++
			if !m.Once {
				t.Error("it begins a second series of polls")
			}
			s.send(m)
		}
	}
	if polls != 1 {
		t.Fatalf("%d polls when the senders are shown", polls)
	}
	s.shows("○ silent")
	if m := s.run(s.key("3")); len(m) > 0 {
		t.Errorf("shown already, they are read again: %v", m)
	}
}

// key presses a key and returns the command that the model wants run.
func (s *screen) key(name string) tea.Cmd {
	return s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)})
}

// run runs a command and returns all its replies.
func (s *screen) run(cmd tea.Cmd) (replies []tea.Msg) {
	if cmd == nil {
		return nil
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, one := range msg {
			replies = append(replies, s.run(one)...)
		}
	default:
		replies = append(replies, msg)
	}
	return replies
}

// TestSendersByTrouble has one of each kind.
func TestSendersByTrouble(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	store.Known = []stream.Sender{
		{Sender: "a", Ours: true, State: stream.OnTime, LastSeen: tuitest.At, Messages: 9, Rates: stream.Rates{Minute: 3}, RecentMS: []float64{1, 2, 3}},
		{Sender: "b10", State: stream.Silent, LastSeen: tuitest.At, Messages: 9},
		{Sender: "b9", State: stream.Silent, LastSeen: tuitest.At, Messages: 9, LatencyMS: &stream.Quantile{P99: 7}},
		{Sender: "c", State: stream.OnTime, LastSeen: tuitest.At, Messages: 9, Missed: 4},
		{Sender: "d", Ours: true, State: stream.Lost, LastSeen: tuitest.At, Messages: 9},
		{Sender: "e", Ours: true, State: stream.OnTime, LastSeen: tuitest.At, Messages: 9, Pod: &stream.Pod{Name: "e", Phase: "Running", Reason: "OOMKilled"}},
		{Sender: "f", State: stream.Late, LastSeen: tuitest.At, Messages: 9},
	}
	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("3")
	s.poll()
	order := func(want string) {
		t.Helper()
		got := ""
		for _, l := range s.lines()[3:] {
			if at := strings.IndexAny(l, "▌┃"); at >= 0 {
				got += strings.Fields(l[at+len("▌"):])[0] + " "
			}
		}
		if got != want+" " {
			t.Errorf("the senders are %s, want %s:\n%s", got, want, strings.Join(s.lines(), "\n"))
		}
	}
	order("d e b9 b10 f c a")
	s.shows("by trouble", " OOMKilled", "pod", "intervals", "▃")
	s.press("j", "j", "S")
	order("a b9 b10 c d e f")
	if on := s.m.senders.current(); on == nil || on.Sender != "b9" {
		t.Errorf("selected is %v, want b9", on)
	}
	s.press("S")
	order("a b9 b10 c d e f")
	s.press("S")
	order("c a b9 b10 d e f")
	s.press("S")
	order("b9 a b10 c d e f")

	s.press("/", "silent")
	order("b9 b10")
	s.shows("senders: silent")
	s.press("enter")
	s.shows("2 of 7  by latency")
	s.press("esc", "/", "oomk")
	order("e")
	s.press("esc")
	order("b9 a b10 c d e f")
	s.poll()
	order("b9 a b10 c d e f")
}

// Numbers of columns beside each other are apart at every width, in the table and in
// the panel, and no age is cut.
func TestNumbersAreApart(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	now := tuitest.At.Add(20 * time.Second)
	p := []float64{3930, 4100}
	store.Known = []stream.Sender{
		{Sender: "press-1", Ours: true, State: stream.Silent, LastSeen: now.Add(-23*time.Minute - 16*time.Second), Messages: 5, Missed: 1234, Rates: stream.Rates{Minute: 1.0 / 60}, RecentMS: p, IntervalMS: &stream.Spread{Last: 3930, Min: 1002, Mean: 5512.4, Max: 9998}},
		{Sender: "press-2", Ours: true, State: stream.Silent, LastSeen: now.Add(-24 * time.Minute), Messages: 5, Rates: stream.Rates{Minute: 12345}, RecentMS: p, IntervalMS: &stream.Spread{Last: 3930, Min: 1002, Mean: 65512.4, Max: 99998}},
	}
	glued := regexp.MustCompile(`/min[0-9]|/s[0-9]|[0-9] (s|m|ms)[0-9]|[0-9]…`)
	for w := 40; w <= 200; w += 7 {
		s := open(t, store, termenv.Ascii, w, 24)
		if w < sendersFrom {
			s.press("3")
		}
		s.poll()
		for _, line := range s.lines() {
			if strings.Contains(line, "press-") && glued.MatchString(line) {
				t.Errorf("%d cells: %q", w, line)
			}
		}
		if w >= 60 && w < sendersFrom {
			s.shows("silent 23 m", "silent 24 m")
		}
	}
}

// The selected row is marked up to the right edge in every tab.
func TestTheSelectedRowEndsAtTheEdge(t *testing.T) {
	for _, tab := range []string{"1", "2", "3"} {
		for w := 40; w < detailFrom; w += 7 {
			s := open(t, plant(), termenv.TrueColor, w, 24)
			s.press("k", tab)
			s.poll()
			s.press("j")
			marked := 0
			for _, line := range strings.Split(s.m.View(), "\n") {
				bare := tuitest.Bare(line)
				if !strings.HasPrefix(bare, "›") || strings.Contains(bare, "1 stream") {
					continue
				}
				marked++
				last := line[strings.LastIndex(strings.TrimRight(line, "\x1b[0m"), "\x1b["):]
				if cells.Width(bare) != w || !strings.Contains(last, "48;2;") {
					t.Errorf("tab %s, %d cells: %q ends with %q", tab, w, bare, last)
				}
			}
			if marked != 1 {
				t.Errorf("tab %s, %d cells: %d rows are marked", tab, w, marked)
			}
		}
	}
}

// What is waited for counts from the filter, not from the start of the program.
func TestWaitingCountsFromTheFilter(t *testing.T) {
	now := tuitest.At
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Now = func() time.Time { return now } })
	now = now.Add(48 * time.Second)
	s.press("/", "size>1MiB", "enter")
	s.read()
	now = now.Add(3 * time.Second)
	s.shows("Nothing passes the filter yet.", "waiting for 3")
	s.hides("51 s")
}

// A message published on a branch goes to the branch, not to the sender that spoke last below it.
func TestPublishOnABranch(t *testing.T) {
	s := open(t, plant(), termenv.Ascii, 80, 24, acting)
	s.press("2", "j", "p")
	s.shows("topic    hello_world/broadcast ")
}
