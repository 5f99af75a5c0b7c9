package tui

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
const pageSize = 500

// A source makes the commands of the full screen: everything that waits for
// something outside it. Bubble Tea hands no context to a command, so the one
// of Run is kept here.
type source struct {
	ctx     context.Context
	store   history.Store
	client  Client
	running sync.WaitGroup // the feeds; Run waits for them
}

// newestMsg is the newest page, with what was known of the whole just before.
type newestMsg struct {
	gen   int
	stats history.Stats
	page  history.Page
	err   error
}

// newest asks for the newest page of what is selected. The statistics are
// asked for first: whatever comes after their LastID and is not in the page
// will come from the feed.
func (s *source) newest(gen int, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		stats, err := s.store.Stats(s.ctx)
		if err != nil {
			return newestMsg{gen: gen, err: fmt.Errorf("read the history: %w", err)}
		}
		page, err := s.store.Messages(s.ctx, history.Query{Since: since, Select: sel, Limit: pageSize})
		if err != nil {
			err = fmt.Errorf("read the history: %w", err)
		}
		return newestMsg{gen: gen, stats: stats, page: page, err: err}
	}
}

// olderMsg is a page before what is held.
type olderMsg struct {
	gen  int
	page history.Page
	err  error
}

func (s *source) older(gen int, before int64, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		page, err := s.store.Messages(s.ctx, history.Query{Before: before, Since: since, Select: sel, Limit: pageSize})
		if err != nil {
			err = fmt.Errorf("read the history before message %d: %w", before, err)
		}
		return olderMsg{gen, page, err}
	}
}

// retryMsg says that it is time to read the history of that generation again.
type retryMsg struct{ gen int }

func retryLater(gen int) tea.Cmd {
	return tea.Tick(2*time.Second, func(time.Time) tea.Msg { return retryMsg{gen} })
}

// pollMsg is what the store tells when asked each second.
type pollMsg struct {
	stats     history.Stats
	senders   []stream.Sender     // nil if they were not asked for
	intervals []history.Intervals // nil if they were not asked for
	took      time.Duration
	err       error
}

// poll asks for the totals, and for the senders and their intervals where they
// are shown.
func (s *source) poll(senders, intervals bool) tea.Cmd {
	return func() tea.Msg {
		began := time.Now()
		var m pollMsg
		m.stats, m.err = s.store.Stats(s.ctx)
		if senders && m.err == nil {
			m.senders, m.err = s.store.Senders(s.ctx)
		}
		if intervals && m.err == nil {
			m.intervals, m.err = s.store.Intervals(s.ctx)
		}
		if m.err != nil {
			m.err = fmt.Errorf("read the totals: %w", m.err)
		}
		m.took = time.Since(began)
		return m
	}
}

// pollLater leaves a second until the next poll, or five times as long as the
// last one took: watching must not be what loads a large history.
func pollLater(took time.Duration) tea.Cmd {
	return tea.Tick(max(time.Second, 5*took), func(time.Time) tea.Msg { return pollDueMsg{} })
}

type pollDueMsg struct{}

// tickMsg is the clock: ages and countdowns are painted by it.
type tickMsg struct{}

func tick() tea.Cmd { return tea.Tick(time.Second, func(time.Time) tea.Msg { return tickMsg{} }) }
