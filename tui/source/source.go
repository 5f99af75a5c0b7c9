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

// pageSize is how many messages are asked for at once when the reader scrolls
// back.
const PageSize = 500

// A source makes the commands of the full screen: everything that waits for
// something outside it. Bubble Tea hands no context to a command, so the one
// of Run is kept here.
type Source struct {
	ctx     context.Context
	store   history.Store
	client  Client
	running sync.WaitGroup // the feeds; Run waits for them
}

func New(ctx context.Context, store history.Store, client Client) *Source {
	return &Source{ctx: ctx, store: store, client: client}
}

// wait returns once no feed runs any more.
func (s *Source) Wait() { s.running.Wait() }

// canAct reports whether there is a client to publish and tell with.
func (s *Source) CanAct() bool { return s.client != nil }

// newestMsg is the newest page, with what was known of the whole just before.
type NewestMsg struct {
	Gen   int
	Stats history.Stats
	Page  history.Page
	Err   error
}

// newest asks for the newest page of what is selected. The statistics are
// asked for first: whatever comes after their LastID and is not in the page
// will come from the feed.
func (s *Source) Newest(gen int, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		stats, err := s.store.Stats(s.ctx)
		if err != nil {
			return NewestMsg{Gen: gen, Err: fmt.Errorf("read the history: %w", err)}
		}
		page, err := s.store.Messages(s.ctx, history.Query{Since: since, Select: sel, Limit: PageSize})
		if err != nil {
			err = fmt.Errorf("read the history: %w", err)
		}
		return NewestMsg{Gen: gen, Stats: stats, Page: page, Err: err}
	}
}

// olderMsg is a page before what is held.
type OlderMsg struct {
	Gen  int
	Page history.Page
	Err  error
}

func (s *Source) Older(gen int, before int64, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		page, err := s.store.Messages(s.ctx, history.Query{Before: before, Since: since, Select: sel, Limit: PageSize})
		if err != nil {
			err = fmt.Errorf("read the history before message %d: %w", before, err)
		}
		return OlderMsg{gen, page, err}
	}
}

// retryMsg says that it is time to read the history of that generation again.
type RetryMsg struct{ Gen int }

func RetryLater(gen int) tea.Cmd {
	return tea.Tick(2*time.Second, func(time.Time) tea.Msg { return RetryMsg{gen} })
}

// pollMsg is what the store tells when asked each second.
type PollMsg struct {
	Stats     history.Stats
	Senders   []stream.Sender     // nil if they were not asked for
	Intervals []history.Intervals // nil if they were not asked for
	Took      time.Duration
	Err       error
}

// poll asks for the totals, and for the senders and their intervals where they
// are shown.
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

// pollLater leaves a second until the next poll, or five times as long as the
// last one took: watching must not be what loads a large history.
func PollLater(took time.Duration) tea.Cmd {
	return tea.Tick(max(time.Second, 5*took), func(time.Time) tea.Msg { return PollDueMsg{} })
}

type PollDueMsg struct{}

// tickMsg is the clock: ages and countdowns are painted by it.
type TickMsg struct{}

func Tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return TickMsg{} }) }
