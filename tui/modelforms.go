package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/form"
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

// publishTopic returns the topic that a message is published to unless the user
// changes it: the selected one, else the one for messages of any client.
func (m model) publishTopic() string {
	if m.tab == tabTopics {
		if msg, _ := m.tree.current(); msg != nil {
			return msg.Topic
		}
	}
	return stream.TopicPublish
}

// formLines renders what takes lines from the body: a form, or on a small
// screen an alert.
func (m model) formLines() []string {
	t, w := m.shared.theme, m.layout.w
	switch {
	case m.mode == modePublish, m.mode == modeTell:
		return m.form().View(t, w)
	case m.mode == modeFilter && m.layout.bare:
		return append(m.filter.View(t, w), m.hintLine())
	case m.layout.bare && m.alert() != "":
		return []string{m.alert()}
	}
	return nil
}

// hintLine renders what is wrong in the form or how to go on, or "".
func (m model) hintLine() string {
	t, w, f := m.shared.theme, m.layout.w, m.form()
	switch {
	case f == nil:
		return ""
	case f.Err() != nil:
		return t.Red.Apply(cells.Left(" ✗ "+cells.Clean(f.Err().Error(), w), w))
	case f.Hint() != "" && (m.mode == modeFilter || m.notice.text == ""):
		return t.Grey.Apply(cells.Left(" "+f.Hint(), w))
	}
	return ""
}
