package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/timeline"
)

// begin shows the newest page and follows what comes after it.
func (m model) begin(msg source.NewestMsg) (model, tea.Cmd) {
	sh := m.shared
	switch {
	case msg.Gen != sh.gen:
		return m, nil
	case msg.Err != nil:
		m.notice = newErrorNotice(msg.Err)
		return m, source.RetryLater(sh.gen)
	}
	now := sh.now()
	m.status.stats, m.status.known = msg.Stats, true
	m.status.recent = timeline.New(recentSpan, recentSlots)
	m.status.since = now
	m.shown, m.surveyed, m.counting = 0, 0, msg.Stats.LastID+1
	msg.EachUncounted(m.countRecent) // the others are surveyed
	m = m.broadcast(msg)
	m.feed = sh.src.Follow(history.Follow{After: m.list.last, Select: sh.sel})
	survey := sh.src.Survey(sh.gen, m.counting, sh.since, sh.sel)
	if m.narrowed() {
		return m, tea.Batch(m.feed.Next(sh.gen), survey)
	}
	return m, tea.Batch(m.feed.Next(sh.gen), survey, sh.src.Topics(sh.gen))
}

// narrowed reports whether the selection is not one of whole topics, of which the
// store counts the messages.
func (m model) narrowed() bool {
	sh := m.shared
	return sh.sel.Sender != "" || sh.sel.Filter != nil || !sh.since.IsZero()
}

// How many messages are surveyed: for the timeline alone, and to count those of a
// selection.
const (
	surveyRecent   = 50_000
	surveyNarrowed = 200_000
)

// survey counts a page of the messages before those that came since, and asks for
// the one before.
func (m model) survey(msg source.SurveyMsg) (model, tea.Cmd) {
	sh, now := m.shared, m.shared.now()
	if msg.Gen != sh.gen || msg.Err != nil {
		return m, nil
	}
	for i := range msg.Page.Messages {
		m.countRecent(&msg.Page.Messages[i])
	}
	narrowed, most := m.narrowed(), surveyRecent
	if narrowed {
		most = surveyNarrowed
	}
	m.tree.recall(msg.Page.Messages, narrowed)
	m.surveyed += len(msg.Page.Messages)
	if len(msg.Page.Messages) > 0 {
		m.status.since = msg.Page.Messages[0].Received
	}
	m.status.chooseUnit(now)
	recent := m.status.since.After(now.Add(-recentSpan))
	m.counting = 0
	switch {
	case msg.Page.Next == 0, !narrowed && !recent:
		m.status.since = time.Time{} // all is known
		m.tree.partly = 0
		return m, nil
	case m.surveyed >= most:
		return m, nil
	}
	if !recent {
		m.status.since = time.Time{}
	}
	if narrowed {
		m.tree.partly = uint64(m.surveyed)
	}
	m.counting = msg.Page.Next
	return m, sh.src.Survey(sh.gen, m.counting, sh.since, sh.sel)
}

// topics takes in what the store has counted of the topics, and their newest
// messages.
func (m model) topics(msg tea.Msg) model {
	gen, err := 0, error(nil)
	switch msg := msg.(type) {
	case source.TopicsMsg:
		gen, err = msg.Gen, msg.Err
	case source.LastMsg:
		gen = msg.Gen
	}
	switch {
	case gen != m.shared.gen:
	case err != nil:
		m.notice = newErrorNotice(err)
	default:
		m.tree = m.tree.update(msg)
	}
	return m
}

// apply takes in one batch of events and asks for the next.
func (m model) apply(msg source.EventsMsg) (model, tea.Cmd) {
	if msg.Gen != m.shared.gen {
		return m, nil
	}
	anew := false
	for i := range msg.Events {
		switch e := &msg.Events[i]; {
		case e.Message != nil:
			m.countRecent(e.Message)
		case e.Link != nil:
			m.status.link = e.Link
		case e.Anew:
			anew = true
		}
	}
	m = m.broadcast(msg)
	if anew {
		m.steps = nil // they lead to places in the history of before
		m.notice = newNotice("this is another history, or an earlier copy of the one before: the list begins anew")
		m.notice.lasts = true
		return m.read(step{sel: m.shared.sel})
	}
	if msg.End != nil {
		m.status.ended = msg.End
		return m, nil
	}
	return m, m.feed.Next(m.shared.gen)
}

// broadcast hands a message to the sub-models of all tabs.
func (m model) broadcast(msg tea.Msg) model {
	m.list = m.list.update(msg)
	m.tree = m.tree.update(msg)
	m.senders = m.senders.update(msg)
	return m
}

// countRecent counts a message of the selection, and in the timeline at the foot.
// There a retained one, which was published at another time, is not counted.
func (m *model) countRecent(msg *stream.Message) {
	m.shown++
	if !msg.Retained {
		m.status.recent.Add(msg.Received)
	}
}

// extend takes in an older or a newer page.
func (m model) extend(msg source.PageMsg) model {
	if msg.Gen != m.shared.gen {
		return m
	}
	if msg.Err != nil {
		m.notice = newErrorNotice(msg.Err)
	}
	m.list = m.list.update(msg)
	return m
}

// recording begins to record to what was opened.
func (m model) recording(msg source.RecordOpenedMsg) model {
	if msg.Err != nil {
		m.notice = newErrorNotice(msg.Err)
		return m
	}
	m.shared.src.Record(msg)
	m.notice = newNotice("recording to " + msg.Writer.Status().Path)
	return m
}

// polled takes in the totals.
func (m model) polled(msg source.PollMsg) (model, tea.Cmd) {
	switch {
	case msg.Err == nil:
		m.status.stats, m.status.known = msg.Stats, true
		m.senders = m.senders.update(msg)
		m.list = m.list.update(msg)
	case !m.status.away(): // else the link has a better sentence about it
		m.notice = newErrorNotice(msg.Err)
	}
	if msg.Once {
		return m, nil
	}
	return m, source.PollLater(msg.Took)
}
