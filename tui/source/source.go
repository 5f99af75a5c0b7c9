package source

import (
	"context"
	"fmt"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
)

// PageSize is the number of messages in a page.
const PageSize = 500

// A Source makes commands. Bubble Tea passes no context to a command, so the
// one of Run is stored here.
type Source struct {
	ctx     context.Context //nolint:containedctx // see above
	store   history.Store
	client  Client
	running sync.WaitGroup // the feeds

	recorder *Recorder // nil: nothing can be recorded
	filters  Filters   // nil: none can be kept
	scale    Scale     // nil: nothing can be scaled
}

// New returns a Source that reads store. Its commands end with ctx. client may
// be nil.
func New(ctx context.Context, store history.Store, client Client) *Source {
	return &Source{ctx: ctx, store: store, client: client}
}

// Wait waits for the goroutines of all feeds. ctx has to end first.
func (s *Source) Wait() { s.running.Wait() }

// CanAct reports whether there is a client to publish and tell with.
func (s *Source) CanAct() bool { return s.client != nil }

// A NewestMsg is the newest page, or the pages about another place, with the totals
// read just before.
type NewestMsg struct {
	Gen   int
	Stats history.Stats
	At    int64        // the place; 0: the end
	Page  history.Page // up to the place
	Newer history.Page // after it
	Err   error
}

// Each calls f with the messages of the pages, in order.
func (m *NewestMsg) Each(f func(*stream.Message)) {
	for _, page := range []*history.Page{&m.Page, &m.Newer} {
		for i := range page.Messages {
			f(&page.Messages[i])
		}
	}
}

// EachUncounted is Each for the messages that are not in Stats.
func (m *NewestMsg) EachUncounted(f func(*stream.Message)) {
	m.Each(func(one *stream.Message) {
		if one.ID > m.Stats.LastID {
			f(one)
		}
	})
}

// A PageMsg is the page before the oldest message held, or after the newest.
type PageMsg struct {
	Gen   int
	Newer bool // after the newest
	Page  history.Page
	Err   error
}

// Older reads the page before a message ID.
func (s *Source) Older(gen int, before int64, since time.Time, sel history.Select) tea.Cmd {
	return s.page(PageMsg{Gen: gen}, fmt.Sprintf("before message %d", before),
		history.Query{Before: before, Since: since, Select: sel, Limit: PageSize})
}

// Newer reads the page after a message ID.
func (s *Source) Newer(gen int, after int64, since time.Time, sel history.Select) tea.Cmd {
	return s.page(PageMsg{Gen: gen, Newer: true}, fmt.Sprintf("after message %d", after),
		history.Query{After: after, Since: since, Select: sel, Limit: PageSize})
}

// page replies with m and the page that q finds, or why it was not read.
func (s *Source) page(m PageMsg, where string, q history.Query) tea.Cmd {
	return func() tea.Msg {
		if m.Page, m.Err = s.store.Messages(s.ctx, q); m.Err != nil {
			m.Err = fmt.Errorf("read the history %s: %w", where, m.Err)
		}
		return m
	}
}

// A RetryMsg is the time to read the newest page of that generation again.
type RetryMsg struct{ Gen int }

// RetryLater replies with a RetryMsg after a pause.
func RetryLater(gen int) tea.Cmd {
	return tea.Tick(2*time.Second, func(time.Time) tea.Msg { return RetryMsg{gen} })
}

// A PollMsg holds the totals, which are read every second.
type PollMsg struct {
	Stats     history.Stats
	Senders   []stream.Sender     // nil if they were not asked for
	Intervals []history.Intervals // nil if they were not asked for
	Took      time.Duration
	Once      bool // asked for besides the regular ones: no other follows
	Err       error
}

// PollOnce is Poll for what has just come to be shown: it does not wait for the
// next regular one.
func (s *Source) PollOnce(senders, intervals bool) tea.Cmd {
	poll := s.Poll(senders, intervals)
	return func() tea.Msg {
		m, ok := poll().(PollMsg)
		m.Once = ok
		return m
	}
}

// Poll reads the totals, and the senders and their intervals where they are
// shown.
func (s *Source) Poll(senders, intervals bool) tea.Cmd {
	return func() tea.Msg {
		began := time.Now()
		var m PollMsg
		m.Stats, m.Err = s.store.Stats(s.ctx)
		if senders && m.Err == nil {
			m.Senders, m.Err = s.store.Senders(s.ctx)
		}
		if intervals && m.Err == nil {
			m.Intervals, m.Err = s.store.Intervals(s.ctx)
		}
		if m.Err != nil {
			m.Err = fmt.Errorf("read the totals: %w", m.Err)
		}
		m.Took = time.Since(began)
		return m
	}
}

// PollLater replies with a PollDueMsg after a second, or after five times as
// long as the last poll took: watching must not be a large history's main load.
func PollLater(took time.Duration) tea.Cmd {
	return tea.Tick(max(time.Second, 5*took), func(time.Time) tea.Msg { return PollDueMsg{} })
}

// A PollDueMsg is the time to poll again.
type PollDueMsg struct{}

// A TickMsg comes every second: ages and countdowns are painted anew.
type TickMsg struct{}

// Tick replies with a TickMsg after a second.
func Tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return TickMsg{} }) }
