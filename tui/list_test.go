package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"hellox/history"
	memorystore "hellox/history/memory"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/tuitest"
	"hellox/tui/units"
)

// longStore is a store that holds n messages of text m1, m2, …
func longStore(n int) *tuitest.Store {
	s := tuitest.NewStore()
	s.Totals.Link = stream.Link{State: stream.Connected}
	s.Say(series(1, n)...)
	return s
}

func series(from, to int) []stream.Message {
	all := make([]stream.Message, 0, to-from+1)
	for i := from; i <= to; i++ {
		m := tuitest.Hello(fmt.Sprintf("press-%d", i%3), uint64(i), tuitest.At.Add(time.Duration(i)*time.Second), 3*time.Second, time.Millisecond)
		m.Text = fmt.Sprintf("m%d.", i)
		all = append(all, m)
	}
	return all
}

func TestPauseHoldsTheScreen(t *testing.T) {
	store := longStore(100)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.shows("m100.", "m81.", "following")
	s.press(" ")
	before := s.lines()[2:22]
	store.Say(series(101, 130)...)
	s.follow()
	s.shows("m81.", "m100.", "30 new (G)  paused")
	s.hides("m101.")
	for i, l := range s.lines()[2:22] {
		if l != before[i] {
			t.Errorf("line %d moved while paused:\n%s\n%s", i, before[i], l)
		}
	}
	s.press("G")
	s.shows("m130.", "following")
	store.Say(series(131, 131)...)
	s.follow()
	s.shows("m131.")
}

// pages presses a key and reads the pages that it leads to, until the screen shows
// the words; each message on the way has to be there.
func (s *screen) pages(key, words string) {
	s.t.Helper()
	for range 200 {
		s.press(key)
		if s.m.list.loading {
			s.older()
		}
		if s.m.list.newer {
			s.newer()
		}
		for i := 1; i < len(s.m.list.items); i++ {
			if a, b := s.m.list.items[i-1].message.ID, s.m.list.items[i].message.ID; b != a+1 {
				s.t.Fatalf("after message %d comes %d", a, b)
			}
		}
		if strings.Contains(strings.Join(s.lines(), "\n"), words) {
			return
		}
	}
	s.t.Fatalf("pressing %s never shows %q", key, words)
}

func TestScrollingReadsPages(t *testing.T) {
	store := longStore(1200)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.pages("pgup", " m1. ")
	s.shows("the history begins here")
	if s.m.list.loading {
		t.Error("something older than the first message is asked for")
	}
	s.press("end")
	s.shows("m1200.", "following")

	// The oldest is one key away, and the way back leads over all pages.
	s = open(t, store, termenv.Ascii, 80, 24)
	s.press("g")
	s.read()
	s.shows(" m1. ", "the history begins here", "paused")
	store.Say(series(1201, 1300)...)
	s.follow()
	s.shows("100 new")
	s.pages("pgdown", " m1300. ")
	store.Say(series(1301, 1301)...)
	s.follow()
	s.pages("pgdown", " m1301. ")
	if s.m.list.detached || s.m.list.newer {
		t.Error("at the end more is asked for")
	}
	s.press("g")
	s.press("end")
	s.shows("m1301.", "following")
}

// TestAPlaceInTheHistory goes to times and IDs.
func TestAPlaceInTheHistory(t *testing.T) {
	later := func(o *Options) { o.Now = func() time.Time { return tuitest.At.Add(2 * time.Hour) } }
	s := open(t, longStore(3000), termenv.Ascii, 80, 24, later)
	for _, c := range []struct {
		typed    string
		selected int64
	}{
		{"#77", 77}, {"1 234", 1234}, {"14:10:31", 480}, {"2026-11-24 14:20", 1049}, {"oldest", 1}, {"99999", 3000},
	} {
		s.press(":", c.typed, "enter")
		s.read()
		if m := s.m.list.current(); m == nil || m.ID != c.selected {
			t.Errorf("%s selects message %d, want %d", c.typed, m.ID, c.selected)
		}
		if c.selected != 3000 {
			s.shows("paused")
		}
	}
	s.press(":", "yesterday", "enter")
	s.shows("✗ a place is a time (14:02")
	s.press("esc")
	// Back, place by place.
	for _, id := range []int64{1, 1049, 480, 1234, 77} {
		s.press("esc")
		s.read()
		if m := s.m.list.current(); m == nil || m.ID != id {
			t.Errorf("esc leads to message %d, want %d", m.ID, id)
		}
	}
	s.press("esc")
	s.read()
	s.shows("following", "m3000.")

	// By time, along the strip.
	s.press(":", "#1000", "enter")
	s.read()
	for _, c := range []struct {
		key      string
		selected int64
	}{{"left", 990}, {"right", 1000}, {"right", 1010}} {
		s.press(c.key)
		s.read()
		if m := s.m.list.current(); m == nil || m.ID != c.selected {
			t.Errorf("%s selects message %d, want %d", c.key, m.ID, c.selected)
		}
	}
}

// TestThePlaceIsKept narrows the selection and goes back.
func TestThePlaceIsKept(t *testing.T) {
	s := open(t, longStore(3000), termenv.Ascii, 80, 24)
	s.press(":", "#1500", "enter")
	s.read()
	row := func(words string) int {
		t.Helper()
		for i, l := range s.lines() {
			if strings.Contains(l, words) {
				return i
			}
		}
		t.Fatalf("no line has %s:\n%s", words, strings.Join(s.lines(), "\n"))
		return 0
	}
	at := row("m1500.")
	s.press("s") // of press-0
	s.read()
	if now := row("m1500."); now != at {
		t.Errorf("the selected row was on line %d and is on %d", at, now)
	}
	s.shows("m1497.", "m1503.", "paused", "only press-0")
	s.press("/", "text:m15 or text:m16", "enter")
	s.read()
	s.shows("m1500.", "m1503.", "paused")
	s.hides("m1497.")
	s.press("esc")
	s.read()
	s.shows("m1497.", "only press-0")
	s.press("esc")
	s.read()
	s.shows("m1499.", "m1500.", "m1501.", "paused")
	if now := row("m1500."); now != at {
		t.Errorf("the selected row was on line %d and is on %d", at, now)
	}
}

// TestTheFilterNarrowsWhileItIsTyped does not press enter.
func TestTheFilterNarrowsWhileItIsTyped(t *testing.T) {
	s := open(t, longStore(300), termenv.Ascii, 80, 24)
	s.press("/", "text:m29")
	s.send(source.TypedMsg{N: s.m.typed - 1}) // it goes on
	if s.m.list.reading {
		t.Fatal("a filter is applied while it is typed")
	}
	s.send(source.TypedMsg{N: s.m.typed})
	s.read()
	s.shows("filter: text:m29", "m299.", "m290.")
	s.hides("m300.")
	s.press(" or")
	s.send(source.TypedMsg{N: s.m.typed})
	s.shows("✗ column 12 of the filter", "m299.") // what is wrong changes nothing
	s.press("esc")
	s.read()
	s.shows("filter: (none)", "m300.", "following")

	s.press("/", "text:m28")
	s.send(source.TypedMsg{N: s.m.typed})
	s.read()
	s.press("enter")
	s.shows("m289.", "filter: text:m28")
	s.press("esc")
	s.read()
	s.shows("m300.")
	s.press("/", "up")
	s.shows("filter: text:m28")
	s.press("down")
	s.hides("text:m28")
}

func TestTermsFromTheSelectedRow(t *testing.T) {
	s := open(t, longStore(30), termenv.Ascii, 80, 24)
	s.press("-")
	s.shows("exclude", "s  sender press-0", "t  topic  hello_world/broadcast/press-0", "u  under  hello_world/broadcast/#")
	s.press("s")
	s.read()
	s.shows(`filter: not sender=press-0`, "m29.", "m28.")
	s.hides("m30.", "m27.")
	s.press("+", "t")
	s.read()
	s.shows("m29.", "m26.")
	s.hides("m28.")
	s.press("backspace")
	s.read()
	s.shows("m28.", "m29.", `filter: not sender=press-0`)
	s.press("2", "-", "b")
	s.read()
	s.press("1")
	s.shows("Nothing passes the filter yet.")
	s.press("esc")
	s.read()
	s.shows("m29.")
}

// TestSearching finds without hiding.
func TestSearching(t *testing.T) {
	s := open(t, longStore(3000), termenv.Ascii, 80, 24)
	run := func(key string) {
		t.Helper()
		next, cmd := s.m.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)})
		if key == "tab" {
			next, cmd = s.m.press(tea.KeyMsg{Type: tea.KeyTab})
		}
		if s.m = next; cmd == nil {
			t.Fatalf("%s searches nothing", key)
		}
		s.send(cmd())
		if s.m.list.reading {
			s.read()
		}
	}
	selected := func(id int64) {
		t.Helper()
		if m := s.m.list.current(); m == nil || m.ID != id {
			t.Errorf("found is message %d, want %d", m.ID, id)
		}
	}
	s.press("/", "text:m2999 or text:m1000 or text:m7.")
	run("tab")
	selected(2999)
	s.shows("m2998.", "filter: (none)") // nothing is hidden
	run("N")
	selected(1000)
	s.shows("m999.", "m1001.")
	run("N")
	selected(7)
	run("N")
	selected(7)
	s.shows("none above")
	run("n")
	selected(1000)
}

func TestKeysMove(t *testing.T) {
	s := open(t, longStore(100), termenv.Ascii, 80, 24)
	selected := func(id int64) {
		t.Helper()
		if m := s.m.list.current(); m == nil || m.ID != id {
			t.Errorf("selected is %v, want %d", m, id)
		}
		s.shows(fmt.Sprintf("m%d.", id))
	}
	selected(100)
	s.press("k")
	selected(99)
	s.press("up", "up", "j")
	selected(98)
	s.press("pgup")
	selected(81)
	s.press("pgdown", "pgdown")
	selected(100)
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelUp})
	s.shows("m78.")
	s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Action: tea.MouseActionPress, X: 20, Y: 4})
	selected(80)
	s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Action: tea.MouseActionPress, X: 14, Y: 1})
	s.shows("›2 topics")
}

func TestMemoryIsBounded(t *testing.T) {
	store := longStore(2000)
	s := open(t, store, termenv.Ascii, 80, 24, func(o *Options) { o.Memory = 100_000 })
	held := func() int64 {
		n := int64(0)
		for _, e := range s.m.list.items {
			n += weight(e.message)
		}
		return n
	}
	if n := held(); n > 100_000 || n != s.m.list.used {
		t.Fatalf("%d bytes are held and %d accounted for, at most 100,000 may be", n, s.m.list.used)
	}
	// What was evicted is still in the history, in both directions.
	bounded := func() {
		t.Helper()
		if n := held(); n > 100_000+source.PageSize*weight(s.m.list.items[0].message) || n != s.m.list.used {
			t.Errorf("%d bytes are held and %d accounted for", n, s.m.list.used)
		}
	}
	s.pages("pgup", " m1308. ")
	bounded()
	s.pages("pgup", " m1. ")
	bounded()
	s.pages("pgdown", " m1999. ")
	bounded()
	s.pages("pgup", " m1308. ")

	// While the reader is elsewhere what comes waits.
	top := s.lines()[2]
	store.Say(series(2001, 2500)...)
	s.follow()
	if s.lines()[2] != top {
		t.Error("the screen moved while paused")
	}
	s.shows("500 new")
	bounded()
	s.press("G")
	s.read() // what did not fit is read again
	s.shows("m2500.", "following")
}

func TestWhatTheStoreEvictedIsTold(t *testing.T) {
	store := longStore(3)
	s := open(t, store, termenv.Ascii, 80, 24)
	last := series(10, 10)
	last[0].ID = 10
	store.Add(history.Event{Evicted: 9})
	store.Say(last...)
	s.follow()
	s.shows("⋯ 6 dropped: they came faster than they were read", "m10.", "6 dropped")
}

// Another history behind the same address takes the place of the list, which says so, and
// what comes is followed by its IDs.
func TestAnotherHistoryIsTold(t *testing.T) {
	store := longStore(30)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.shows("m30.")
	store.Add(history.Event{Evicted: 32})
	s.follow()
	s.shows("2 dropped")
	store.Add(history.Event{Anew: true})
	s.follow()
	store.Say(tuitest.Hello("press-9", 1, tuitest.At, stream.None, 0))
	s.read()
	s.shows("this is another history", "press-9")
	s.hides("m30.", "dropped")
	store.Say(tuitest.Hello("press-8", 1, tuitest.At, stream.None, 0))
	s.follow()
	s.shows("press-8")
	if n := len(s.m.list.items); n != 2 {
		t.Errorf("the list has %d items", n)
	}
}

func TestANewDayIsMarked(t *testing.T) {
	store := tuitest.NewStore()
	store.Say(
		tuitest.Hello("press-1", 1, tuitest.At, stream.None, 0),
		tuitest.Hello("press-1", 2, tuitest.At.Add(12*time.Hour), 12*time.Hour, 0),
	)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.shows(" Wednesday, 25 November 2026", "12 h 00 m")
}

func TestOnlyOneSender(t *testing.T) {
	s := open(t, longStore(30), termenv.Ascii, 80, 24)
	s.press("s") // press-0 sent the last
	s.read()
	s.shows("only press-0", "m30.", "m27.")
	s.hides("m29.", "m28.")
	s.press("s")
	s.read()
	s.shows("m29.")

	s.press("3")
	s.m.senders.set([]stream.Sender{{Sender: "press-1", Ours: true, State: stream.OnTime}})
	s.send(source.TickMsg{})
	s.press("enter")
	s.read()
	s.shows("›1 stream", "only press-1", "m28.")
	s.hides("m29.")
	s.press("esc")
	s.read()
	s.shows("m29.")
}

func TestFilter(t *testing.T) {
	store := longStore(30)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("/", "text:m2 or")
	s.shows("✗ column 11 of the filter: expected")
	s.press("enter") // a wrong filter is not applied
	s.shows("enter apply")
	s.press(" text:m30", "enter")
	s.read()
	s.shows("filter: text:m2 or text:m30", "m30.", "m20.", "m2.")
	s.hides("m19.", "m3.")
	store.Say(series(31, 31)...)
	store.Say(tuitest.Hello("x", 1, tuitest.At, 0, 0), series(200, 200)[0])
	s.follow()
	s.shows("m200.")
	s.hides("m31.")
	s.press("/", "zzz", "esc") // left as it was
	s.shows("filter: text:m2 or text:m30")
	s.press("esc")
	s.read()
	s.shows("filter: (none)", "m31.")
}

func TestWhatAnOldSelectionAskedForIsIgnored(t *testing.T) {
	s := open(t, longStore(30), termenv.Ascii, 80, 24)
	stale := s.m.shared.src.Read(s.m.shared.gen, source.Place{}, s.m.shared.since, s.m.shared.sel)()
	s.press("s")
	s.read()
	s.send(stale)
	s.send(source.EventsMsg{Gen: 0, Events: []history.Event{{Message: &series(77, 77)[0]}}})
	s.hides("m29.", "m77.")
}

func TestSince(t *testing.T) {
	s := open(t, longStore(30), termenv.Ascii, 80, 40, func(o *Options) { o.Since = tuitest.At.Add(20 * time.Second) })
	s.press("g")
	s.shows("m20.", "the history since 2026-11-24 14:02:51 begins here")
	s.hides("m19.")
}

// TestSendersAreToldApartOnASmallScreen has names that differ at their ends.
func TestSendersAreToldApartOnASmallScreen(t *testing.T) {
	store := tuitest.NewStore()
	for i := range 5 {
		store.Say(tuitest.Hello(fmt.Sprintf("broadcast-%d", i), 1, tuitest.At, stream.None, 0))
	}
	s := open(t, store, termenv.Ascii, 40, 12)
	s.shows("cast-0", "cast-1", "cast-2", "cast-3", "cast-4")
}

func TestWhatMemoryEvictedIsTold(t *testing.T) {
	live := memorystore.New(100_000)
	defer live.Close()
	for range 1000 {
		arrival := stream.Arrival{Topic: "t/a", Payload: make([]byte, 500), Received: tuitest.At, Ack: func() {}}
		if err := live.Append(t.Context(), []stream.Arrival{arrival}); err != nil {
			t.Fatal(err)
		}
	}
	stats, err := live.Stats(t.Context())
	if err != nil || stats.Evicted == 0 {
		t.Fatal(stats.Evicted, err)
	}
	s := open(t, live, termenv.Ascii, 110, 24)
	s.press("g")
	s.shows(fmt.Sprintf("recv %s  stored 1 000  held %d  evicted %d", units.Count(1000), 1000-stats.Evicted, stats.Evicted),
		fmt.Sprintf("%d older evicted (%s)", stats.Evicted, units.Bytes(100_000)))
	s.hides("the history begins here")
}
