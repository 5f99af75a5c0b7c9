package tui

import (
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
	m.status.stats, m.status.known = msg.Stats, true
	m.status.recent = timeline.New(recentSpan, recentSlots)
	for i := range msg.Page.Messages {
		m.countRecent(&msg.Page.Messages[i])
	}
	m.status.chooseUnit(sh.now())
	m = m.broadcast(msg)
	m.feed = sh.src.Follow(history.Follow{After: m.list.last, Select: sh.sel})
	return m, m.feed.Next(sh.gen)
}

// apply takes in one batch of events and asks for the next.
func (m model) apply(msg source.EventsMsg) (model, tea.Cmd) {
	if msg.Gen != m.shared.gen {
		return m, nil
	}
	for i := range msg.Events {
		switch e := &msg.Events[i]; {
		case e.Message != nil:
			m.countRecent(e.Message)
		case e.Link != nil:
			m.status.link = e.Link
		}
	}
	m = m.broadcast(msg)
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

// countRecent counts a message in the timeline at the foot. A retained one was
// published at another time, and is not counted.
func (m *model) countRecent(msg *stream.Message) {
	if !msg.Retained {
		m.status.recent.Add(msg.Received)
	}
}

// prepend takes in an older page.
func (m model) prepend(msg source.OlderMsg) model {
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
