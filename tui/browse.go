package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
)

// enabled turns off the keys that do nothing now.
func (m model) enabled() keys {
	k := m.keys
	stream, topics, senders := m.tab == tabStream, m.tab == tabTopics, m.tab == tabSenders
	subject, _ := m.subject()
	full := !m.layout.bare
	k.Stream.SetEnabled(full && !stream)
	k.Topics.SetEnabled(full && !topics)
	k.Senders.SetEnabled(full && !senders)
	k.Next.SetEnabled(full)
	k.Pause.SetEnabled(stream && m.list.following && len(m.list.entries) > 0)
	k.Follow.SetEnabled(stream && !m.list.following)
	k.End.SetEnabled(!stream)
	k.Detail.SetEnabled(subject != nil || senders && m.senders.current() != nil)
	k.Only.SetEnabled(m.sel.Sender != "" || m.subjectSender() != "")
	k.Open.SetEnabled(topics)
	k.Close.SetEnabled(topics)
	k.OpenAll.SetEnabled(topics)
	k.Form.SetEnabled(m.mode == modeDetail || m.layout.detail > 0 && subject != nil)
	k.Back.SetEnabled(m.mode != modeBrowse || m.sel.Sender != "" || m.sel.Filter != nil)
	k.Publish.SetEnabled(m.src.CanAct() && full)
	k.Tell.SetEnabled(m.src.CanAct() && full && m.tellable() != "")
	if m.sel.Sender != "" {
		k.Only.SetHelp("s", "all senders")
	} else {
		k.Only.SetHelp("s", "only this sender")
	}
	if senders {
		k.Detail.SetHelp("enter", "its messages")
	} else {
		k.Detail.SetHelp("enter", "detail")
	}
	return k
}

// ShortHelp are the keys that the foot shows, the most useful first.
func (m model) ShortHelp() []key.Binding {
	k := m.keys
	bind := func(name, does string) key.Binding {
		return key.NewBinding(key.WithKeys(name), key.WithHelp(name, does))
	}
	switch m.mode {
	case modeDetail:
		return []key.Binding{k.Back, k.Form, k.Up, k.Down, k.PageUp, k.PageDown, k.Help, k.Quit}
	case modeHelp:
		return []key.Binding{k.Back, k.Quit}
	case modeFilter:
		return []key.Binding{bind("enter", "apply"), bind("esc", "leave it as it was")}
	case modePublish:
		return []key.Binding{bind("enter", "send"), bind("tab", "next field"), bind("esc", "close")}
	case modeTell:
		return []key.Binding{bind("enter", "send"), bind("esc", "close")}
	}
	return []key.Binding{
		k.Stream, k.Topics, k.Senders, k.Filter, k.Pause, k.Follow, k.Detail, k.Open, k.Close, k.OpenAll,
		k.Publish, k.Tell, k.Only, k.Help, k.Quit,
	}
}

// subject is the message that detail shows, and the size of its payload: the
// selected one, or the last one of the selected topic.
func (m model) subject() (*stream.Message, int) {
	switch m.tab {
	case tabStream:
		if msg := m.list.current(); msg != nil {
			return msg, len(msg.Payload)
		}
	case tabTopics:
		return m.tree.current()
	}
	return nil, 0
}

// subjectSender is the sender that "only this sender" means.
func (m model) subjectSender() string {
	if m.tab == tabSenders {
		if s := m.senders.current(); s != nil {
			return s.Sender
		}
		return ""
	}
	if msg, _ := m.subject(); msg != nil {
		return msg.Sender
	}
	return ""
}

func (m model) pressBrowse(msg tea.KeyMsg) (model, tea.Cmd) {
	k := m.keys
	switch {
	case key.Matches(msg, k.Quit):
		return m.quit(nil)
	case key.Matches(msg, k.Help):
		m.mode = modeHelp
	case key.Matches(msg, k.Stream):
		m.tab = tabStream
	case key.Matches(msg, k.Topics):
		m.tab = tabTopics
	case key.Matches(msg, k.Senders):
		m.tab = tabSenders
	case key.Matches(msg, k.Next):
		m.tab = (m.tab + 1) % tabs
	case key.Matches(msg, k.Filter):
		m.mode = modeFilter
		m.filter = newFilterLine(m.sel.Filter)
	case key.Matches(msg, k.Publish):
		m.mode = modePublish
		m.publish = newPublishForm(m.publishTopic())
	case key.Matches(msg, k.Tell):
		m.mode = modeTell
		m.tell = newTellForm(m.tellable())
	case key.Matches(msg, k.Only):
		return m.only(m.subjectSender())
	case key.Matches(msg, k.Back):
		return m.back()
	case key.Matches(msg, k.Pause):
		m.list.hold()
	case key.Matches(msg, k.Follow):
		return m.follow()
	case key.Matches(msg, k.Form):
		m.detail = m.detail.nextForm()
	case key.Matches(msg, k.Mouse):
		if m.noMouse = !m.noMouse; m.noMouse {
			m.notice = m.notice.say("the mouse selects text; m takes it back")
			return m, tea.DisableMouse
		}
		return m, tea.EnableMouseCellMotion
	case key.Matches(msg, k.Detail):
		if m.tab == tabSenders {
			m.tab = tabStream
			return m.only(m.senders.current().Sender)
		}
		m.list.hold()
		m.mode = modeDetail
	default:
		return m.navigate(msg), nil
	}
	return m, nil
}

// navigate moves in what the tab shows.
func (m model) navigate(msg tea.KeyMsg) model {
	k := m.keys
	part := m.part()
	switch {
	case key.Matches(msg, k.Up):
		part.move(-1)
	case key.Matches(msg, k.Down):
		part.move(1)
	case key.Matches(msg, k.PageUp):
		part.page(-1)
	case key.Matches(msg, k.PageDown):
		part.page(1)
	case key.Matches(msg, k.Home):
		part.home()
	case key.Matches(msg, k.End):
		part.end()
	case key.Matches(msg, k.Open):
		m.tree.open()
	case key.Matches(msg, k.Close):
		m.tree.close()
	case key.Matches(msg, k.OpenAll):
		m.tree.toggleAll()
	}
	return m
}

// part is what the tab shows: something to move in.
func (m *model) part() interface {
	move(n int)
	page(n int)
	scroll(n int)
	home()
	end()
} {
	switch m.tab {
	case tabTopics:
		return &m.tree
	case tabSenders:
		return &m.senders
	}
	return &m.list
}

// publishTopic is where a message is published to unless the user says: to the
// selected topic, or to the one that everybody may publish to.
func (m model) publishTopic() string {
	if m.tab == tabTopics {
		if msg, _ := m.tree.current(); msg != nil {
			return msg.Topic
		}
	}
	return stream.TopicPublish
}

// only shows the messages of one sender, or of all again if it is that one
// already.
func (m model) only(sender string) (model, tea.Cmd) {
	sel := m.sel
	if sel.Sender == sender {
		sender = ""
	}
	sel.Sender = sender
	return m.reselect(sel)
}

// back undoes the narrowing that is nearest.
func (m model) back() (model, tea.Cmd) {
	sel := m.sel
	if sel.Sender != "" {
		sel.Sender = ""
	} else {
		sel.Filter = nil
	}
	return m.reselect(sel)
}

// follow goes back to the newest message.
func (m model) follow() (model, tea.Cmd) {
	if m.list.follow() {
		return m, nil
	}
	return m.reselect(m.sel)
}

func (m model) pressHelp(msg tea.KeyMsg) (model, tea.Cmd) {
	if key.Matches(msg, m.keys.Quit) {
		return m.quit(nil)
	}
	m.mode = modeBrowse
	return m, nil
}
