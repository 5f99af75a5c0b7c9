package tui

import (
	"context"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/form"
	"hellox/tui/source"
)

// enabled returns the keys, those that do nothing now disabled.
func (m model) enabled() keys {
	k, sel, act := m.shared.keys, m.shared.sel, m.shared.src.CanAct()
	stream, topics, senders := m.tab == tabStream, m.tab == tabTopics, m.tab == tabSenders
	subject, _ := m.subject()
	sender, ours := m.subjectSender()
	k.Narrower.SetEnabled(m.layout.showsDetail(m.tab))
	k.Wider.SetEnabled(m.layout.w >= detailFrom && m.tab != tabSenders)
	k.Pause.SetEnabled(stream && m.list.following && len(m.list.items) > 0)
	k.Follow.SetEnabled(stream && !m.list.following)
	k.End.SetEnabled(!stream)
	k.Detail.SetEnabled(subject != nil || senders && m.senders.current() != nil)
	k.Only.SetEnabled(sel.Sender != "" || sender != "")
	k.Open.SetEnabled(topics)
	k.Close.SetEnabled(topics)
	k.OpenAll.SetEnabled(topics)
	k.Sort.SetEnabled(!stream)
	k.Copy.SetEnabled(subject != nil)
	k.Pin.SetEnabled(topics)
	k.Mute.SetEnabled(topics)
	k.View.SetEnabled(m.mode == modeDetail || m.layout.detail > 0 && subject != nil)
	m.enableValue(&k)
	k.Back.SetEnabled(m.mode != modeBrowse || len(m.steps) > 0 || !m.list.following || senders && m.senders.filter != "")
	k.Search.SetEnabled(stream && m.search != nil)
	k.Previous.SetEnabled(stream && m.search != nil)
	k.Earlier.SetEnabled(stream)
	k.Later.SetEnabled(stream && !m.list.following)
	k.Include.SetEnabled(subject != nil || sender != "" || topics)
	k.Exclude.SetEnabled(subject != nil || sender != "" || topics)
	k.Drop.SetEnabled(sel.Filter != nil)
	k.Actions.SetEnabled(subject != nil || sender != "" || topics)
	k.Edit.SetEnabled(act && subject != nil && m.shared.editor != nil)
	k.Clear.SetEnabled(act && m.retainedTopic() != "")
	k.Scale.SetEnabled(m.shared.src.CanScale())
	k.Publish.SetEnabled(act)
	k.Tell.SetEnabled(act && ours && sender != "")
	k.Record.SetEnabled(m.shared.src.CanRecord())
	if m.status.records {
		k.Record.SetHelp("r", "end the recording")
	} else {
		k.Record.SetHelp("r", "record to a file")
	}
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

// enableValue enables the keys for a value in the payload. In the list only the mouse
// chooses one: other keys are the list's.
func (m model) enableValue(k *keys) {
	all := newKeys() // as the help names them
	k.Up, k.Down, k.ValueDown, k.Fold, k.OnValue, k.Graph, k.Changes = all.Up, all.Down, all.ValueDown, all.Fold, all.OnValue, all.Graph, all.Changes
	node, chosen := m.chosen()
	full, folds := m.mode == modeDetail, m.detail.Folds()
	k.ValueUp.SetEnabled(full)
	k.ValueDown.SetEnabled(full)
	k.Fold.SetEnabled(full && folds)
	k.Unfold.SetEnabled(full && folds)
	k.Last.SetEnabled(full)
	k.OnValue.SetEnabled(full && chosen && node.Term != "")
	k.Graph.SetEnabled(k.View.Enabled() && (m.detail.HasGraph() || node.Number && node.Plain))
	k.Changes.SetEnabled(k.View.Enabled())
	if !full {
		return
	}
	k.Home.SetEnabled(true)
	k.ValueDown.SetHelp("↑ ↓", "value")
	if !folds {
		k.ValueDown.SetHelp("↑ ↓", "scroll")
	}
	k.Fold.SetHelp("← →", "fold")
	k.OnValue.SetHelp("f", "filter on this value")
	k.Graph.SetHelp("v", "graph")
	k.Changes.SetHelp("d", "changes")
	k.Up.SetHelp("k", "previous message")
	k.Down.SetHelp("j", "next message")
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
		return m.pressHelp(msg), nil
	case m.mode == modeDetail:
		return m.pressDetail(msg)
	}
	return m.pressBrowse(msg)
}

// pressHelp scrolls the help, or leaves it. How far it may scroll arrange knows.
func (m model) pressHelp(msg tea.KeyMsg) model {
	switch k := newKeys(); {
	case key.Matches(msg, k.Back), key.Matches(msg, k.Help):
		m.mode, m.helpTop = modeBrowse, 0
	case key.Matches(msg, k.Up):
		m.helpTop--
	case key.Matches(msg, k.Down):
		m.helpTop++
	case key.Matches(msg, k.PageUp):
		m.helpTop -= m.layout.body
	case key.Matches(msg, k.PageDown):
		m.helpTop += m.layout.body
	case key.Matches(msg, k.Home):
		m.helpTop = 0
	case key.Matches(msg, k.End):
		m.helpTop = len(m.help)
	}
	return m
}

// pressDetail routes the keys of a message that fills the screen: up and down go
// through its payload, j and k to other messages, as on the page.
func (m model) pressDetail(msg tea.KeyMsg) (model, tea.Cmd) {
	switch k := m.shared.keys; {
	case key.Matches(msg, k.Detail) && m.detail.ToggleFold():
	case key.Matches(msg, k.Back) && m.detail.CloseGraph():
	case key.Matches(msg, k.Back), key.Matches(msg, k.Detail):
		m.mode = modeBrowse
	case key.Matches(msg, k.Help):
		m.mode = modeHelp
	case key.Matches(msg, k.Copy):
		return m.chooseCopy(), nil
	case key.Matches(msg, k.OnValue):
		node, _ := m.chosen()
		m.mode, m.tab = modeBrowse, tabStream
		return m.toggleTerm(node.Term)
	case key.Matches(msg, k.ValueUp), key.Matches(msg, k.ValueDown):
		m.detail = m.detail.update(msg)
	case key.Matches(msg, k.Up), key.Matches(msg, k.Down):
		return m.updateTab(msg), nil
	case m.needs(msg) != "":
		m.notice = newNotice(m.needs(msg))
	default:
		m.detail = m.detail.update(msg)
	}
	return m, nil
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
	case key.Matches(msg, k.Filter) && m.tab == tabSenders:
		m.mode, m.names = modeNames, form.NewLine("senders", "words of a name, a state or a pod", m.senders.filter)
	case key.Matches(msg, k.Filter):
		m.mode, m.filter, m.origin = modeFilter, form.NewFilter(m.shared.sel.Filter, m.filters), m.here()
		if m.shared.src.CanKeepFilters() {
			m.filter = m.filter.WithNamed(m.named)
			return m, m.shared.src.Filters() // the file may have changed
		}
	case key.Matches(msg, k.Publish):
		m = m.openPublish()
	case key.Matches(msg, k.Tell):
		m.mode, m.tell = modeTell, form.NewTell(sender)
	case key.Matches(msg, k.Record):
		return m, m.shared.src.ToggleRecording()
	case key.Matches(msg, k.Only):
		return m.only(sender)
	case key.Matches(msg, k.Back) && m.tab == tabSenders && m.senders.filter != "":
		m.senders.filter, m.senders.stale = "", true
	case key.Matches(msg, k.Back):
		return m.back()
	case key.Matches(msg, k.Follow):
		return m.follow()
	case m.tab == tabStream && key.Matches(msg, k.Home) && m.list.older != 0:
		return m.jump(source.Place{Oldest: true})
	case key.Matches(msg, k.View), key.Matches(msg, k.Changes), key.Matches(msg, k.Graph):
		m.detail = m.detail.update(msg)
	case key.Matches(msg, k.Mouse):
		return m.toggleMouse()
	case key.Matches(msg, k.Narrower):
		m.panes = m.layout.widen(-paneStep, m.panes)
	case key.Matches(msg, k.Wider):
		m.panes = m.layout.widen(paneStep, m.panes)
	case key.Matches(msg, k.Detail):
		return m.enter(sender)
	case m.needs(msg) != "":
		m.notice = newNotice(m.needs(msg))
	default:
		return m.pressFind(msg)
	}
	return m, nil
}

// needs returns what a key about the payload needs that is not there, so that it does
// nothing now; "" for a key that does something, and for others.
func (m model) needs(msg tea.KeyMsg) string {
	all, k := newKeys(), m.shared.keys
	views := key.Matches(msg, all.View, all.Changes)
	switch shown := k.View.Enabled(); {
	case views && !shown || key.Matches(msg, all.Graph) && !shown:
		if subject, _ := m.subject(); subject == nil {
			return "x, d and v are for a message: select one and press enter"
		}
		return "x, d and v are for the message in full: press enter first"
	case key.Matches(msg, all.Graph) && !k.Graph.Enabled():
		switch {
		case m.mode != modeDetail:
			return "v draws a number: press enter and choose one with ↑ ↓"
		case !m.detail.Folds():
			return "v draws a number of a JSON payload: it is chosen in the view as JSON (x)"
		}
		return "v draws a number: choose one with ↑ ↓"
	case m.mode == modeDetail && key.Matches(msg, all.OnValue) && !k.OnValue.Enabled():
		return "f filters on a value: choose one with ↑ ↓"
	}
	return ""
}

// pressFind routes the keys that act on the selected row and find a part of the stream.
func (m model) pressFind(msg tea.KeyMsg) (model, tea.Cmd) {
	const slot, slots = 10 * time.Second, time.Minute
	switch k := m.shared.keys; {
	case key.Matches(msg, k.Copy):
		return m.chooseCopy(), nil
	case key.Matches(msg, k.Actions):
		return m.chooseAction(), nil
	case key.Matches(msg, k.Edit):
		return m.editSelected()
	case key.Matches(msg, k.Clear):
		m.notice = newNotice("asking the broker …")
		return m, m.shared.src.Retained(m.retainedTopic())
	case key.Matches(msg, k.Scale):
		return m.askScale(), nil
	case key.Matches(msg, k.Jump):
		m.mode, m.goTo = modeJump, form.NewJump(m.shared.now)
	case key.Matches(msg, k.Search):
		return m.find(true)
	case key.Matches(msg, k.Previous):
		return m.find(false)
	case key.Matches(msg, k.Include), key.Matches(msg, k.Exclude):
		return m.chooseTerm(key.Matches(msg, k.Include)), nil
	case key.Matches(msg, k.Drop):
		return m.narrow("")
	case key.Matches(msg, k.Earlier):
		if strings.HasPrefix(msg.String(), "shift+") {
			return m.scrub(-slots)
		}
		return m.scrub(-slot)
	case key.Matches(msg, k.Later):
		if strings.HasPrefix(msg.String(), "shift+") {
			return m.scrub(slots)
		}
		return m.scrub(slot)
	default:
		m = m.updateTab(msg)
	}
	return m, nil
}

// enter acts on the selected row: it shows a sender's messages, opens or closes a
// topic that has others below it, and shows a message.
func (m model) enter(sender string) (model, tea.Cmd) {
	switch {
	case m.tab == tabSenders:
		m.tab = tabStream
		return m.only(sender)
	case m.tab == tabTopics && m.tree.toggle():
		return m, nil
	}
	m.list.pause()
	m.mode = modeDetail
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

// paneStep is by how many cells a key makes a pane wider.
const paneStep = 4

// mouse scrolls by the wheel. A click selects a row or a tab.
func (m model) mouse(msg tea.MouseMsg) (model, tea.Cmd) {
	const notch = 3
	wheel := scrollMsg(0)
	switch msg.Button {
	case tea.MouseButtonWheelUp:
		wheel = -notch
	case tea.MouseButtonWheelDown:
		wheel = notch
	}
	left := msg.Button == tea.MouseButtonLeft
	click := left && msg.Action == tea.MouseActionPress
	switch {
	case msg.Action == tea.MouseActionRelease:
		m.dragged = noRule
	case m.dragged != noRule && left && msg.Action == tea.MouseActionMotion:
		m.panes = m.layout.drag(m.dragged, msg.X, m.panes)
	case m.mode == modeDetail && wheel != 0:
		m.detail = m.detail.update(wheel)
	case m.mode == modeDetail && click:
		return m.clickDetail(msg.X, msg.Y)
	case m.mode == modeHelp && wheel != 0:
		m.helpTop += int(wheel)
	case m.mode != modeBrowse:
	case wheel != 0 && m.layout.detailAt(msg.X, msg.Y, m.tab):
		m.detail = m.detail.update(wheel)
	case click && m.layout.detailAt(msg.X, msg.Y, m.tab):
		m.list.pause()
		return m.clickDetail(msg.X-m.layout.w+m.layout.detail, msg.Y)
	case wheel != 0:
		return m.updateTab(wheel), nil
	case click && m.layout.footAt(msg.Y) && msg.X >= 1 && msg.X <= bars(m.layout.w):
		return m.jumpTo(msg.X - 1)
	case click && m.layout.tabs && msg.Y == 1:
		m.tab = tabAt(msg.X, m.tab, m.layout.w)
	case click && m.layout.ruleAt(msg.X, m.tab) != noRule:
		m.dragged = m.layout.ruleAt(msg.X, m.tab)
	case click:
		line, ok := m.layout.lineAt(msg.X, msg.Y, m.tab)
		if !ok {
			return m, nil
		}
		if m.tab != tabStream {
			line-- // below the column titles
		}
		return m.click(line), nil
	}
	return m, nil
}

// clickDetail chooses the value at a place of the detail. A click on its name copies
// the path to it, as on the page.
func (m model) clickDetail(x, y int) (model, tea.Cmd) {
	if m.detail.Click(x, y-m.layout.top()) {
		return m.copy("path")
	}
	return m, nil
}

// click selects the row on a line of the body; a click on the selected topic opens
// or closes it.
func (m model) click(line int) model {
	on := m.tree.at()
	m = m.updateTab(clickMsg(line))
	if m.tab == tabTopics && on != nil && m.tree.at() == on {
		m.tree.toggle()
	}
	return m
}

// jumpTo goes to the time of a bar at the foot.
func (m model) jumpTo(bar int) (model, tea.Cmd) {
	now := m.shared.now()
	m.tab = tabStream
	return m.jump(source.Place{Time: m.status.recent.TimeOf(now, bars(m.layout.w), bar)})
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
