package tui

import (
	"context"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/form"
)

// enabled returns the keys, those that do nothing now disabled.
func (m model) enabled() keys {
	k, sel, act := m.shared.keys, m.shared.sel, m.shared.src.CanAct()
	stream, topics, senders := m.tab == tabStream, m.tab == tabTopics, m.tab == tabSenders
	subject, _ := m.subject()
	sender, ours := m.subjectSender()
	full := !m.layout.bare
	k.Stream.SetEnabled(full && !stream)
	k.Topics.SetEnabled(full && !topics)
	k.Senders.SetEnabled(full && !senders)
	k.Next.SetEnabled(full)
	k.Pause.SetEnabled(stream && m.list.following && len(m.list.items) > 0)
	k.Follow.SetEnabled(stream && !m.list.following)
	k.End.SetEnabled(!stream)
	k.Detail.SetEnabled(subject != nil || senders && m.senders.current() != nil)
	k.Only.SetEnabled(sel.Sender != "" || sender != "")
	k.Open.SetEnabled(topics)
	k.Close.SetEnabled(topics)
	k.OpenAll.SetEnabled(topics)
	k.View.SetEnabled(m.mode == modeDetail || m.layout.detail > 0 && subject != nil)
	k.Back.SetEnabled(m.mode != modeBrowse || sel.Sender != "" || sel.Filter != nil)
	k.Publish.SetEnabled(act && full)
	k.Tell.SetEnabled(act && full && ours && sender != "")
	if sel.Sender != "" {
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

// press routes keys. What was typed faster than it was read comes as one
// message: each letter of it is a key, unless it was pasted into a form.
func (m model) press(msg tea.KeyMsg) (model, tea.Cmd) {
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 || m.form() != nil {
		return m.pressOne(msg)
	}
	if msg.Paste { // pasted letters are not meant as keys
		return m, nil
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		var cmd tea.Cmd
		m, cmd = m.pressOne(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt})
		m = m.arrange() // which keys do something depends on the one before
		cmds = append(cmds, cmd)
	}
	return m, tea.Batch(cmds...)
}

func (m model) pressOne(msg tea.KeyMsg) (model, tea.Cmd) {
	k := m.shared.keys
	switch {
	case key.Matches(msg, k.Leave):
		return m.quit(context.Canceled)
	case key.Matches(msg, k.Suspend):
		return m, tea.Suspend
	case key.Matches(msg, k.Redraw):
		return m, tea.ClearScreen
	case m.form() != nil:
		return m.typeInto(msg)
	case key.Matches(msg, k.Quit):
		return m.quit(nil)
	case m.mode == modeHelp:
		m.mode = modeBrowse
		return m, nil
	case m.mode == modeDetail:
		return m.pressDetail(msg), nil
	}
	return m.pressBrowse(msg)
}

func (m model) pressDetail(msg tea.KeyMsg) model {
	switch k := m.shared.keys; {
	case key.Matches(msg, k.Back), key.Matches(msg, k.Detail):
		m.mode = modeBrowse
	case key.Matches(msg, k.Help):
		m.mode = modeHelp
	case key.Matches(msg, k.Up), key.Matches(msg, k.Down):
		return m.updateTab(msg)
	default:
		m.detail = m.detail.update(msg)
	}
	return m
}

func (m model) pressBrowse(msg tea.KeyMsg) (model, tea.Cmd) {
	sender, _ := m.subjectSender()
	switch k := m.shared.keys; {
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
		m.mode, m.filter = modeFilter, form.NewFilter(m.shared.sel.Filter)
	case key.Matches(msg, k.Publish):
		m.mode, m.publish = modePublish, form.NewPublish(m.publishTopic())
	case key.Matches(msg, k.Tell):
		m.mode, m.tell = modeTell, form.NewTell(sender)
	case key.Matches(msg, k.Only):
		return m.only(sender)
	case key.Matches(msg, k.Back):
		return m.back()
	case key.Matches(msg, k.Follow):
		if !m.list.follow() {
			return m.reselect(m.shared.sel)
		}
	case key.Matches(msg, k.View):
		m.detail = m.detail.update(msg)
	case key.Matches(msg, k.Mouse):
		return m.toggleMouse()
	case key.Matches(msg, k.Detail):
		if m.tab == tabSenders {
			m.tab = tabStream
			return m.only(sender)
		}
		m.list.hold()
		m.mode = modeDetail
	default:
		m = m.updateTab(msg)
	}
	return m, nil
}

// updateTab hands a message to the sub-model of the tab that is shown.
func (m model) updateTab(msg tea.Msg) model {
	switch m.tab {
	case tabTopics:
		m.tree = m.tree.update(msg)
	case tabSenders:
		m.senders = m.senders.update(msg)
	default:
		m.list = m.list.update(msg)
	}
	return m
}

// mouse scrolls by the wheel. A click selects a row or a tab.
func (m model) mouse(msg tea.MouseMsg) model {
	const notch = 3
	wheel := scrollMsg(0)
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		wheel = -notch
	case tea.MouseButtonWheelDown:
		wheel = notch
	}
	click := msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress
	switch {
	case m.mode == modeDetail && wheel != 0:
		m.detail = m.detail.update(wheel)
	case m.mode != modeBrowse:
	case wheel != 0:
		return m.updateTab(wheel)
	case click && !m.layout.bare && msg.Y == 1:
		m.tab = tabAt(msg.X, m.tab)
	case click:
		line, ok := m.layout.lineAt(msg.X, msg.Y, m.tab)
		if !ok {
			return m
		}
		if m.tab != tabStream {
			line-- // below the column titles
		}
		return m.updateTab(clickMsg(line))
	}
	return m
}

func (m model) toggleMouse() (model, tea.Cmd) {
	if m.noMouse = !m.noMouse; m.noMouse {
		m.notice = newNotice("the mouse selects text; m takes it back")
		return m, tea.DisableMouse
	}
	return m, tea.EnableMouseCellMotion
}

// quit ends the program; err is what Run returns.
func (m model) quit(err error) (model, tea.Cmd) {
	m.left = err
	return m, tea.Quit
}
