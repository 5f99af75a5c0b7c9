package source

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
)

// A Place is where in the history to go to. The zero Place is its end, where it is
// followed.
type Place struct {
	ID     int64     // the message with this ID, or the nearest one
	Time   time.Time // the first message received then or later
	Back   bool      // instead the last one received until Time
	Oldest bool      // the first message there is
}

// End reports whether p is the end of the history.
func (p Place) End() bool { return p == Place{} }

// Read reads the part of a selection about a place. The totals are read first:
// messages after their LastID that are not in a page come from the feed.
func (s *Source) Read(gen int, to Place, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		m := NewestMsg{Gen: gen}
		if m.Err = s.read(&m, to, since, sel); m.Err != nil {
			m.Err = fmt.Errorf("read the history: %w", m.Err)
		}
		return m
	}
}

func (s *Source) read(m *NewestMsg, to Place, since time.Time, sel history.Select) (err error) {
	if m.Stats, err = s.store.Stats(s.ctx); err != nil {
		return err
	}
	if m.At, err = s.find(to, since, sel); err != nil {
		return err
	}
	if m.At == 0 { // of what is to come, the end is the nearest
		m.Page, err = s.store.Messages(s.ctx, history.Query{Since: since, Select: sel, Limit: PageSize})
		return err
	}
	m.Page, err = s.store.Messages(s.ctx, history.Query{Before: m.At + 1, Since: since, Select: sel, Limit: PageSize / 2})
	if err != nil {
		return err
	}
	m.Newer, err = s.store.Messages(s.ctx, history.Query{After: m.At, Since: since, Select: sel, Limit: PageSize / 2})
	return err
}

// find returns the ID of the message at a place; 0: it is the end.
func (s *Source) find(to Place, since time.Time, sel history.Select) (int64, error) {
	if to.ID != 0 || to.End() {
		return to.ID, nil
	}
	q := history.Query{FromStart: true, Since: since, Select: sel, Limit: 1}
	switch {
	case to.Back:
		back := history.Query{Since: since, Until: to.Time.Add(1), Select: sel, Limit: 1}
		if id, err := first(s.ctx, s.store, back); id != 0 || err != nil {
			return id, err
		}
	case to.Time.After(since):
		q.Since = to.Time
	}
	return first(s.ctx, s.store, q)
}

// first returns the ID of the first message that q finds, 0 if there is none.
func first(ctx context.Context, store history.Store, q history.Query) (int64, error) {
	for {
		page, err := store.Messages(ctx, q)
		switch {
		case err != nil:
			return 0, err
		case len(page.Messages) > 0:
			return page.Messages[0].ID, nil
		case page.Next == 0:
			return 0, nil
		}
		if q.Forward() {
			q.After = page.Next
		} else {
			q.Before = page.Next
		}
	}
}

// typingPause is how long a filter that is typed has to stay as it is to be applied.
const typingPause = 150 * time.Millisecond

// A TypedMsg is the time to apply what is typed, if it is still as it was.
type TypedMsg struct{ N int }

// Typed replies with a TypedMsg after a pause.
func Typed(n int) tea.Cmd {
	return tea.Tick(typingPause, func(time.Time) tea.Msg { return TypedMsg{n} })
}

// A FoundMsg is the next message that a search finds; ID 0: there is none.
type FoundMsg struct {
	Gen     int
	ID      int64
	Forward bool
	Err     error
}

// Find searches a selection for a message, from an ID on: forward, or back.
func (s *Source) Find(gen int, from int64, forward bool, since time.Time, sel history.Select, what *filter.Filter) tea.Cmd {
	return func() tea.Msg {
		m := FoundMsg{Gen: gen, Forward: forward}
		both, err := filter.Parse(filter.Join(sel.Filter, what))
		if err != nil {
			m.Err = err
			return m
		}
		sel.Filter = both
		q := history.Query{Before: from, Since: since, Select: sel, Limit: 1}
		if forward {
			q.Before, q.After = 0, from
		}
		if m.ID, m.Err = first(s.ctx, s.store, q); m.Err != nil {
			m.Err = fmt.Errorf("search the history: %w", m.Err)
		}
		return m
	}
}

// surveyPage is the number of messages that are counted at once: a key is answered
// between two pages.
const surveyPage = 2000

// A SurveyMsg is a page of the messages before those held. They are counted only.
type SurveyMsg struct {
	Gen  int
	Page history.Page
	Err  error
}

// Survey reads the page before a message ID, to count it.
func (s *Source) Survey(gen int, before int64, since time.Time, sel history.Select) tea.Cmd {
	return func() tea.Msg {
		page, err := s.store.Messages(s.ctx, history.Query{Before: before, Since: since, Select: sel, Limit: surveyPage})
		if err != nil {
			err = fmt.Errorf("count the history before message %d: %w", before, err)
		}
		return SurveyMsg{gen, page, err}
	}
}

// A TopicsMsg lists all topics of which messages are stored.
type TopicsMsg struct {
	Gen    int
	Topics []history.Topic
	Err    error
}

// Topics reads all topics.
func (s *Source) Topics(gen int) tea.Cmd {
	return func() tea.Msg {
		topics, err := s.store.Topics(s.ctx)
		if err != nil {
			err = fmt.Errorf("read the topics: %w", err)
		}
		return TopicsMsg{gen, topics, err}
	}
}

// A LastMsg holds messages that were asked for by their IDs; those that are not
// stored any more are left out.
type LastMsg struct {
	Gen      int
	Messages []stream.Message
}

// Last reads messages by their IDs.
func (s *Source) Last(gen int, ids []int64) tea.Cmd {
	return func() tea.Msg {
		m := LastMsg{Gen: gen}
		for _, id := range ids {
			if one, err := s.store.Message(s.ctx, id); err == nil {
				m.Messages = append(m.Messages, one)
			}
		}
		return m
	}
}
