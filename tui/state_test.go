package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/timeline"
	"hellox/tui/topictree"
	"hellox/tui/tuitest"
	"hellox/tui/units"
)

func TestTheHeaderSaysHowTheStreamComes(t *testing.T) {
	retry := stream.Link{State: stream.Retrying, Retry: tuitest.At.Add(24 * time.Second), Cause: "connect to 127.0.0.1:1883: connection refused"}
	tests := []struct {
		name   string
		link   *stream.Link // ours
		broker stream.Link  // the receiver's
		shows  []string
	}{
		{"all is well", nil, stream.Link{State: stream.Connected}, []string{"· ● connected "}},
		{"not yet", &stream.Link{State: stream.Connecting}, stream.Link{}, []string{"◌ connecting"}},
		{"retry", &retry, stream.Link{}, []string{"◌ retry in 4 s", "connect to 127.0.0.1:1883: connection refused"}},
		{"ended", &stream.Link{State: stream.Ended}, stream.Link{}, []string{"⨯ ended"}},
		{"the broker is away", &stream.Link{State: stream.Connected}, retry, []string{"● connected, broker ◌ retry in 4 s"}},
		{"back", &stream.Link{State: stream.Connected}, stream.Link{State: stream.Connected}, []string{"· ● connected "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := tuitest.NewStore()
			store.Totals.Link = test.broker
			s := open(t, store, termenv.Ascii, 110, 24)
			if test.link != nil {
				store.Add(history.Event{Link: test.link})
				s.follow()
			}
			s.shows(test.shows...)
		})
	}
}

// broken is a store whose answers fail while err is set.
type broken struct {
	*tuitest.Store
	err error
}

func (b *broken) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	if b.err != nil {
		return history.Page{}, b.err
	}
	return b.Store.Messages(ctx, q)
}

func (b *broken) Stats(ctx context.Context) (history.Stats, error) {
	if b.err != nil {
		return history.Stats{}, b.err
	}
	return b.Store.Stats(ctx)
}

func TestAHistoryThatDoesNotAnswerIsAskedAgain(t *testing.T) {
	store := &broken{longStore(3), errors.New("no answer from 127.0.0.1:8420")}
	s := open(t, store, termenv.Ascii, 110, 24)
	s.shows("◌ connecting", "Reading the history.", "✗ read the totals: no answer from 127.0.0.1:8420")
	store.err = nil
	cmd := s.send(source.RetryMsg{Gen: s.m.shared.gen})
	if cmd == nil {
		t.Fatal("a retry asks for nothing")
	}
	s.read()
	s.shows("● connected", "m3.")

	s.send(source.EventsMsg{Gen: s.m.shared.gen, Events: []history.Event{{Link: &stream.Link{State: stream.Retrying, Cause: "connection refused"}}}})
	store.err = errors.New("the same in more words")
	s.m.notice = notice{}
	s.poll()
	s.shows("◌ retrying", " connection refused")
}

func TestAStoreThatEndsIsTold(t *testing.T) {
	s := open(t, longStore(3), termenv.Ascii, 110, 24)
	s.send(source.EventsMsg{Gen: s.m.shared.gen, End: errors.New("the history was closed")})
	s.shows("⨯ ended", "✗ the history was closed", "m3.")
	s.press("s") // a new selection begins anew
	s.read()
	s.shows("● connected", "m3.")
}

// sparse is a store whose pages hold one message and then say where to go on.
type sparse struct{ *tuitest.Store }

func (s sparse) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	q.Limit = 1
	return s.Store.Messages(ctx, q)
}

func TestAScreenIsFilledFromSparsePages(t *testing.T) {
	s := open(t, sparse{longStore(4)}, termenv.Ascii, 80, 24)
	s.shows("m4.", "searching before #4")
	s.hides("m3.")
	for range 3 {
		if !s.m.list.loading {
			t.Fatal("nothing more is asked for")
		}
		s.older()
	}
	s.shows("m1.", "m2.", "m3.", "m4.", "following")
	if s.m.list.loading {
		t.Error("something before the first message is asked for")
	}
}

func TestDegradedIsTold(t *testing.T) {
	store := longStore(3)
	store.Totals.Degraded = "the disk is full: nothing is acknowledged"
	open(t, store, termenv.Ascii, 80, 24).shows("◐ the disk is full: nothing is acknowledged", "kind-hellox · hellox · ◐ ")
}

func TestEmpty(t *testing.T) {
	s := open(t, tuitest.NewStore(), termenv.Ascii, 80, 24)
	s.shows("No messages yet. A broadcaster says Hello world every 1 to 10 s.", "waiting for 0 s")
	s.press("/", "x", "enter")
	s.read()
	s.shows("Nothing passes the filter yet.")
	s.press("k", "g", "pgup", "enter", "x", "2", "j", "l", "o", "3", "k", "enter") // nothing to break
	fits(t, s.m.View(), 80, 24)
}

func TestLeaving(t *testing.T) {
	for _, test := range []struct {
		key  string
		from string
		err  error
	}{{"q", "", nil}, {"ctrl+c", "", context.Canceled}, {"ctrl+c", "/", context.Canceled}, {"q", "?", nil}} {
		s := open(t, longStore(3), termenv.Ascii, 80, 24)
		s.press(test.from)
		key := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(test.key)}
		if test.key == "ctrl+c" {
			key = tea.KeyMsg{Type: tea.KeyCtrlC}
		}
		next, cmd := s.m.press(key)
		if cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s after %q does not quit", test.key, test.from)
		}
		if !errors.Is(next.left, test.err) {
			t.Errorf("%s after %q: Run returns %v, want %v", test.key, test.from, next.left, test.err)
		}
	}
	s := open(t, longStore(3), termenv.Ascii, 80, 24)
	s.press("/", "q")
	s.shows("filter: q")
}

func TestKeysThatComeTogetherAreKeys(t *testing.T) {
	s := open(t, longStore(30), termenv.Ascii, 80, 24)
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("kkk31/kq")})
	s.shows("filter: kq", "›14:02:58.114") // the third from the end
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qqq"), Paste: true})
	s.shows("filter: kqqqq")
	s.press("esc")
	s.send(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("333"), Paste: true})
	s.shows("›1 stream")
}

func TestTopicsOpenAndClose(t *testing.T) {
	s := open(t, plant(), termenv.Ascii, 80, 24)
	s.press("2")
	s.shows("▾ hello_world", "▾ broadcast", "press-3", "plant/日本/température")
	s.press("j", "h")
	s.shows("▸ broadcast")
	s.hides("press-3")
	s.press("l", "l", "h")
	s.shows("›  ▾ broadcast", "press-3")
	s.press("o")
	s.shows("▸ hello_world")
	s.hides("broadcast")
}

// TestTheTreeCountsTheWholeSelection holds tree, timeline and header against a
// history of more than a page, in each selection.
func TestTheTreeCountsTheWholeSelection(t *testing.T) {
	store := tuitest.NewStore()
	for i, m := range series(1, 3000) {
		m.Received = tuitest.At.Add(time.Duration(i) * 100 * time.Millisecond) // in 300 s
		store.Say(m)
	}
	now := func(o *Options) { o.Now = func() time.Time { return tuitest.At.Add(300 * time.Second) } }
	s := open(t, store, termenv.Ascii, 100, 24, now)
	count := func(words string, n int) {
		t.Helper()
		for _, l := range s.lines() {
			if strings.Contains(l, words) && strings.Contains(l, " "+units.Count(uint64(n))+" ") {
				return
			}
		}
		t.Errorf("%s has not the count %d:\n%s", words, n, strings.Join(s.lines(), "\n"))
	}
	s.shows("9.8/s  10 min")
	s.press("2")
	count("hello_world/broadcast", 3000)
	count("press-0", 1000)
	count("press-0", 1000)
	store.Say(series(3001, 3003)...)
	s.follow()
	count("hello_world/broadcast", 3003)
	count("press-0", 1001)

	s.press("/", "text:m1", "enter")
	s.read()
	count("hello_world/broadcast", 1111)
	s.shows("shown 1 111")
	store.Say(series(100_000, 100_000)[0]) // m100000.
	s.follow()
	s.shows("shown 1 112")
	count("hello_world/broadcast", 1112)
	s.press("esc")
	s.read()
	count("hello_world/broadcast", 3004)
	s.hides("shown")

	// In the past the counts are the same.
	s.press("1", ":", "#500", "enter")
	s.read()
	s.press("2")
	count("hello_world/broadcast", 3004)
}

// What is read of a topic to show its newest message is in its rate already.
func TestTheRateOfATopicCountsAMessageOnce(t *testing.T) {
	store := tuitest.NewStore()
	for i, m := range series(1, 6) {
		m.Received = tuitest.At.Add(time.Duration(i) * time.Second)
		store.Say(m)
	}
	s := open(t, store, termenv.Ascii, 100, 24)
	sh := s.m.shared
	s.send(sh.src.Last(sh.gen, []int64{4, 5, 6})())
	s.press("2")
	for topic, rate := range map[string]string{"hello_world/broadcast": " 6.0/min", "press-0": " 2.0/min", "press-1": " 2.0/min"} {
		for _, l := range s.lines() {
			if strings.Contains(l, topic) && !strings.Contains(l, rate) {
				t.Errorf("%s has not the rate%s: %s", topic, rate, l)
			}
		}
	}
	s.shows("press-0", "6.0/min")
}

// TestWhatIsNotCountedIsTold has more messages than are surveyed.
func TestWhatIsNotCountedIsTold(t *testing.T) {
	store := tuitest.NewStore()
	all := series(1, surveyRecent+10_000)
	for i := range all {
		all[i].Received = tuitest.At.Add(time.Duration(i) * time.Millisecond) // in 60 s
	}
	store.Say(all...)
	s := open(t, store, termenv.Ascii, 80, 24, func(o *Options) { o.Now = func() time.Time { return tuitest.At.Add(5 * time.Minute) } })
	if s.m.surveyed > surveyRecent+2000 {
		t.Errorf("%d messages were surveyed", s.m.surveyed)
	}
	s.shows("····")
	s.press("2")
	s.shows("60 000") // which the store knows
}

func TestTheTreeIsBounded(t *testing.T) {
	tr := newTreeModel(&shared{})
	for i := range topictree.MaxTopics + 100 {
		m := stream.Message{Topic: time.Duration(i).String(), Payload: make([]byte, 2*topictree.MaxPayload), Received: tuitest.At}
		tr.add(&m)
	}
	if tr.topics.Topics != topictree.MaxTopics || tr.topics.Over != 100 {
		t.Errorf("%d topics are held and %d messages found no room, want %d and 100", tr.topics.Topics, tr.topics.Over, topictree.MaxTopics)
	}
	tr.resize(10)
	if m, size := tr.current(); len(m.Payload) != topictree.MaxPayload || size != 2*topictree.MaxPayload {
		t.Errorf("%d of %d bytes of a payload are held, want %d of %d", len(m.Payload), size, topictree.MaxPayload, 2*topictree.MaxPayload)
	}
}

// TestTheTreeInOrder has more topics than are opened, with numbers in their names.
func TestTheTreeInOrder(t *testing.T) {
	store := tuitest.NewStore()
	for i := range 300 {
		topic := fmt.Sprintf("plant/site%d/temp/raw", i+1)
		store.Say(stream.Message{Topic: topic, Sender: topic, Payload: []byte("1"), Received: tuitest.At.Add(time.Duration(i%7) * time.Second), Delta: stream.None, DeltaAny: stream.None, Latency: stream.None})
	}
	s := open(t, store, termenv.Ascii, 80, 24)
	order := func(want ...string) {
		t.Helper()
		screen := strings.Join(s.lines(), "\n")
		for i, w := range want {
			at := strings.Index(screen, w)
			if at < 0 {
				t.Fatalf("%s is not shown after %v:\n%s", w, want[:i], strings.Join(s.lines(), "\n"))
			}
			screen = screen[at:]
		}
	}
	s.press("2")
	s.shows("▸ plant") // all below does not fit
	s.hides("site")
	s.press("l")
	order("▾ plant", "site1/temp/raw", "site2/temp/raw", "site10/temp/raw")
	s.press("j", "j", "*") // site2
	order("▾ plant", "* site2/temp/raw", "site1/temp/raw", "site3/temp/raw")
	s.press("M") // the cursor is on the next one
	order("* site2/temp/raw", "site3/temp/raw")
	s.hides("site1/temp/raw")
	s.press("S", "S")
	s.shows("by age")
	order("* site2/temp/raw", "site7/temp/raw", "site14/temp/raw")
	// A selection that is made anew leaves it as it is.
	s.press("/", "is:json", "enter")
	s.read()
	order("▾ plant", "* site2/temp/raw", "site7/temp/raw")
}

func TestTheDetailBesideARunningListCanBeRead(t *testing.T) {
	clock := tuitest.At
	store := longStore(3)
	s := open(t, store, termenv.Ascii, 120, 40, func(o *Options) { o.Now = func() time.Time { return clock } })
	s.shows("#3 ")
	clock = clock.Add(300 * time.Millisecond)
	store.Say(series(4, 4)...)
	s.follow()
	s.shows("m4.", "#3 ")
	pointed := func(text string) {
		t.Helper()
		for _, line := range s.lines()[2:] {
			if strings.HasPrefix(line, "›") != strings.Contains(line, text) {
				t.Errorf("the row of the detail is not the one that is marked: %q", line)
			}
		}
	}
	pointed(" m3. ")
	clock = clock.Add(time.Second)
	s.send(source.TickMsg{})
	s.shows("#4 ")
	pointed(" m4. ")
	store.Say(series(5, 5)...)
	s.follow()
	s.press("k") // a selection is shown at once
	s.press("j")
	s.shows("#5 ")
}

func TestTheDetailKeepsItsPlaceWhileItsTopicTalks(t *testing.T) {
	store := tuitest.NewStore()
	say := func(topic string, n int) {
		payload := "{"
		for i := range 60 {
			payload += fmt.Sprintf(`"key%d":%d,`, i, n)
		}
		store.Say(stream.Message{Topic: topic, Sender: topic, Payload: []byte(payload + `"end":0}`), Received: tuitest.At.Add(time.Duration(n) * time.Second)})
	}
	say("a", 1)
	s := open(t, store, termenv.Ascii, 80, 24)
	s.press("2", "enter", "pgdown")
	s.shows(`"key20": 1`)
	s.hides("topic ")
	say("a", 2)
	s.follow()
	s.shows(`"key20": 2`)
	s.hides("topic ")
	say("b", 3)
	s.follow()
	s.press("j")
	s.shows("topic     b", `"key0": 3`)
}

// TestSmallScreens has the parts of the frame by their priority: what says where the
// reader is is the last to go.
func TestSmallScreens(t *testing.T) {
	for _, test := range []struct {
		w, h  int
		shows []string
		hides []string
	}{
		{55, 50, []string{"recv 100", "›1 stream  2 topics  3 senders", "paused", "10 min", "? help", "● "}, nil},
		{40, 12, []string{"recv 100", "evicted 0", "›1 stream  2  3", "paused", "? help"}, nil},
		{40, 9, []string{"recv 100", "›1 stream  2  3", "paused"}, []string{"? help"}},
		{40, 7, []string{"recv 100", "paused"}, []string{"1 stream"}},
		{40, 4, []string{"paused"}, []string{"recv"}},
		{20, 3, []string{"paused", "press"}, []string{"recv"}},
	} {
		t.Run(fmt.Sprintf("%dx%d", test.w, test.h), func(t *testing.T) {
			s := open(t, longStore(100), termenv.Ascii, test.w, test.h, acting)
			s.press(" ")
			s.shows(test.shows...)
			s.hides(test.hides...)
			fits(t, s.m.View(), test.w, test.h)
			s.press("2")
			s.shows("hello_wor")
			s.press("3", "1", "p", "some text")
			fits(t, s.m.View(), test.w, test.h)
			if s.m.mode != modePublish {
				t.Error("p opens no form")
			}
		})
	}
}

func TestTheHelpScrolls(t *testing.T) {
	s := open(t, longStore(3), termenv.Ascii, 60, 15)
	s.press("?")
	s.hides("tell", "the latency")
	first := s.m.help
	for _, words := range []string{"ctrl+s     in the filter: keep it", "@          in the filter: by name"} {
		if !strings.Contains(tuitest.Bare(strings.Join(first, "\n")), words) {
			t.Errorf("the help has no %q", words)
		}
	}
	seen := strings.Join(s.lines(), "\n")
	for range 10 {
		s.press("pgdown")
		seen += strings.Join(s.lines(), "\n")
	}
	for _, column := range s.m.shared.keys.full() {
		for _, k := range column {
			if !strings.Contains(seen, k.Help().Desc) {
				t.Errorf("the help never shows %q", k.Help().Desc)
			}
		}
	}
	s.shows("the latency")
	s.press("g")
	s.shows(" keys")
	s.press("esc", "2")
	s.shows("›2 topics")
}

func TestPanesAreResized(t *testing.T) {
	s := open(t, plant(), termenv.Ascii, 160, 50)
	at := func() (senders, detail int) { return s.m.layout.senders, s.m.layout.detail }
	if senders, detail := at(); senders != 36 || detail != 42 {
		t.Fatal(senders, detail)
	}
	mouse := func(action tea.MouseAction, x int) {
		s.send(tea.MouseMsg{Button: tea.MouseButtonLeft, Action: action, X: x, Y: 10})
	}
	mouse(tea.MouseActionPress, 36)
	mouse(tea.MouseActionMotion, 50)
	mouse(tea.MouseActionRelease, 50)
	mouse(tea.MouseActionMotion, 60) // let go
	s.press(">")
	if senders, detail := at(); senders != 50 || detail != 46 {
		t.Errorf("the panes are %d and %d wide, want 50 and 46", senders, detail)
	}
	for range 10 {
		s.press("<")
	}
	if _, detail := at(); detail != 0 {
		t.Errorf("the detail is %d wide, want it closed", detail)
	}
	s.press(">")
	if _, detail := at(); detail != minPane {
		t.Errorf("the detail is %d wide, want %d", detail, minPane)
	}
	for range 100 {
		s.press(">")
		fits(t, s.m.View(), 160, 50)
	}
}

// TestNothingMovesButData holds the places of what stands beside the bars.
func TestNothingMovesButData(t *testing.T) {
	store := longStore(100)
	s := open(t, store, termenv.Ascii, 80, 24)
	foot := func() (at int) {
		t.Helper()
		line := []rune(s.lines()[22])
		at = strings.Index(string(line), "10 min")
		if at < 0 {
			t.Fatalf("the foot is %q", string(line))
		}
		return len([]rune(string(line)[:at]))
	}
	at := foot()
	s.press(" ")
	store.Say(series(101, 1200)...)
	s.follow()
	s.shows("1 100 new (G)  paused")
	if now := foot(); now != at {
		t.Errorf("the timeline ended at column %d, and now at %d", at, now)
	}
	// A notice does not hide that the list is paused.
	s.send(source.ActedMsg{Text: "✓ published"})
	s.shows("✓ published", "1 100 new (G)  paused")
	s.send(source.ActedMsg{Err: errors.New("publish to a/b: connect to 127.0.0.1:1883: " + strings.Repeat("a long reason ", 6) + "at the end")})
	s.shows("a long reason at the end", "1 100 new (G)  paused", "10 min")
	fits(t, s.m.View(), 80, 24)
}

// TestTheRateKeepsItsUnit goes to and fro about one a second.
func TestTheRateKeepsItsUnit(t *testing.T) {
	now := tuitest.At
	st := status{recent: timeline.New(recentSpan, recentSlots)}
	for _, c := range []struct {
		messages int // in the last minute
		minute   bool
	}{{10, true}, {58, true}, {62, true}, {121, false}, {58, false}, {40, false}, {20, true}} {
		now = now.Add(2 * time.Minute)
		for range c.messages {
			st.recent.Add(now)
		}
		if st.chooseUnit(now); st.minute != c.minute {
			t.Errorf("%d a minute: a minute is the unit: %t", c.messages, st.minute)
		}
	}
}
