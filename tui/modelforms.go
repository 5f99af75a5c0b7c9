package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/form"
	"hellox/tui/source"
	"hellox/tui/theme"
)

// An openForm is what the user types into.
type openForm interface {
	View(t *theme.Theme, w int) []string
	Err() error   // what is wrong with what is typed
	Hint() string // how to go on
	Help() []key.Binding
}

// form returns the form that keys are typed into, or nil.
func (m model) form() openForm {
	switch m.mode {
	case modeFilter:
		return m.filter
	case modePublish:
		return m.publish
	case modeTell:
		return m.tell
	}
	return nil
}

// typeInto hands a key to the form, and acts on its result.
func (m model) typeInto(msg tea.KeyMsg) (model, tea.Cmd) {
	var s form.Status
	switch m.mode {
	case modeFilter:
		m.filter, s = m.filter.Update(msg)
	case modePublish:
		m.publish, s = m.publish.Update(msg)
	case modeTell:
		m.tell, s = m.tell.Update(msg)
	}
	switch s {
	case form.Closed:
		m.mode = modeBrowse
	case form.Submitted:
		return m.submit()
	}
	return m, nil
}

// submit acts on the result of the form.
func (m model) submit() (model, tea.Cmd) {
	sh := m.shared
	switch m.mode {
	case modePublish:
		m.notice = newNotice("publishing …")
		msg := m.publish.Message()
		return m, sh.src.Publish(msg.Topic, msg.Text, msg.QoS, msg.Retain)
	case modeTell:
		m.notice = newNotice("waiting for " + m.tell.To() + " …")
		return m, sh.src.Tell(m.tell.To(), m.tell.Command())
	}
	m.mode = modeBrowse
	sel := sh.sel
	sel.Filter = m.filter.Result()
	return m.reselect(sel)
}

// acted tells what came of a message or a command. What did not arrive stays in its
// form.
func (m model) acted(msg source.ActedMsg) model {
	if msg.Err != nil {
		m.notice = newErrorNotice(msg.Err)
		return m
	}
	m.notice = newNotice(msg.Text)
	switch m.mode {
	case modePublish:
		m.publish = m.publish.Acknowledged()
	case modeTell:
		m.tell = m.tell.Acknowledged()
	}
	return m
}

// publishTopic returns the topic that a message is published to unless the user
// changes it: the selected one, else the one for messages of any client.
func (m model) publishTopic() string {
	if m.tab == tabTopics {
		if n := m.tree.at(); n != nil {
			return n.Path()
		}
	}
	return stream.TopicPublish
}

// formLines renders what takes lines from the body: a form, and a sentence that
// does not fit into the foot.
func (m model) formLines() []string {
	t, w := m.shared.theme, m.layout.w
	var lines []string
	if f := m.form(); f != nil && (m.mode != modeFilter || !m.layout.tabs) {
		lines = f.View(t, w)
	}
	if s := m.sentence(); !m.fitsFoot(s) {
		lines = append(lines, s.lines(w)...)
	}
	return lines
}

// fitsFoot reports whether a sentence fits into the foot, beside the state.
func (m model) fitsFoot(s sentence) bool {
	return s.text == "" || m.layout.foot && cells.Width(s.text)+1 <= m.layout.w-stateWidth
}

// sentence returns what is said at the foot: what is wrong in the form or how to
// go on, else what has just happened, else what is wrong with the stream.
func (m model) sentence() sentence {
	t, f := m.shared.theme, m.form()
	switch {
	case f != nil && f.Err() != nil:
		return sentence{t.Red, "✗ " + cells.Clean(f.Err().Error(), maxNotice)}
	case f != nil && f.Hint() != "" && (m.mode == modeFilter || m.notice.text == ""):
		return sentence{t.Grey, f.Hint()}
	case m.notice.text != "":
		return m.notice.sentence(t)
	}
	return m.status.alert(t)
}
