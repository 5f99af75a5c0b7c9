package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/source"
	"hellox/tui/timeline"
)

// begin shows the newest page and follows what comes after it.
func (m model) begin(msg source.NewestMsg) (model, tea.Cmd) {
	switch {
	case msg.Gen != m.gen:
		return m, nil
	case msg.Err != nil:
		m.notice = m.notice.fail(msg.Err)
		return m, source.RetryLater(m.gen)
	}
	m.stats, m.told = msg.Stats, true
	m.list.show(msg.Page)
	m.tree = newTree()
	m.strip = timeline.New(stripSpan, stripSlots)
	m.senders.rhythms = map[string]rhythm{}
	for i := range msg.Page.Messages {
		m.count(&msg.Page.Messages[i])
	}
	m.nameW = m.widest()
	m.list.last = max(m.list.last, msg.Stats.LastID)
	m.feed = m.src.Follow(history.Follow{After: m.list.last, Select: m.sel})
	return m, m.feed.Next(m.gen)
}

func (m model) prepend(msg source.OlderMsg) model {
	switch {
	case msg.Gen != m.gen:
	case msg.Err != nil:
		m.list.loading = false
		m.list.older = 0
		m.notice = m.notice.fail(msg.Err)
	default:
		m.list.prepend(msg.Page)
	}
	return m
}

// fold takes in one batch of what happened and asks for the next.
func (m model) fold(msg source.EventsMsg) (model, tea.Cmd) {
	if msg.Gen != m.gen {
		return m, nil
	}
	for i := range msg.Events {
		switch e := &msg.Events[i]; {
		case e.Message != nil:
			m.list.push(e.Message)
			m.count(e.Message)
		case e.Sender != nil:
			m.senders.change(*e.Sender)
		case e.Link != nil:
			m.link = e.Link
		case e.Evicted > 0:
			m.list.gone(e.Evicted)
		}
	}
	m.list.trim()
	m.nameW = max(m.nameW, m.widest())
	if msg.End != nil {
		m.ended = msg.End
		return m, nil
	}
	return m, m.feed.Next(m.gen)
}

// count takes a message into everything but the list.
func (m *model) count(msg *stream.Message) {
	if !msg.Retained { // it was said once, and is only handed out again
		m.strip.Add(msg.Received)
	}
	m.tree.add(msg)
	m.senders.heard(msg)
}

// widest measures the senders on the last screen of the list.
func (m *model) widest() int {
	const most = 24
	n := 0
	e := m.list.entries
	for _, e := range e[max(len(e)-max(m.list.height, 50), 0):] {
		if e.message != nil {
			n = max(n, cells.Width(cells.Clean(e.message.Sender, most)))
		}
	}
	return n
}

func (m model) polled(msg source.PollMsg) (model, tea.Cmd) {
	away := m.link != nil && m.link.State != stream.Connected
	switch {
	case msg.Err == nil:
		m.stats, m.told = msg.Stats, true
		if msg.Senders != nil {
			m.senders.set(msg.Senders)
		}
		if msg.Intervals != nil {
			m.senders.intervals = msg.Intervals
		}
	case !away: // else the link has a better sentence about it
		m.notice = m.notice.fail(msg.Err)
	}
	return m, source.PollLater(msg.Took)
}
