package tui

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/stream/filter"
	"hellox/tui/cells"
	"hellox/tui/form"
	"hellox/tui/source"
	"hellox/tui/theme"
	"hellox/tui/units"
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
	case modeJump:
		return m.goTo
	case modeTerm, modeCopy:
		return m.term
	case modeNames:
		return m.names
	}
	return nil
}

// typeInto hands a key to the form, and acts on its result.
func (m model) typeInto(msg tea.KeyMsg) (model, tea.Cmd) {
	var s form.Status
	switch m.mode {
	case modeFilter:
		before := m.filter.Result()
		m.notice = notice{}
		if m.filter, s = m.filter.Update(msg); s == form.Editing && m.filter.Result() != before {
			m.typed++
			return m, source.Typed(m.typed)
		}
	case modePublish:
		m.publish, s = m.publish.Update(msg)
	case modeTell:
		m.tell, s = m.tell.Update(msg)
	case modeJump:
		m.goTo, s = m.goTo.Update(msg)
	case modeTerm, modeCopy:
		m.term, s = m.term.Update(msg)
	case modeNames:
		m.names, s = m.names.Update(msg)
		m.senders.filter, m.senders.stale = m.names.Value(), true
		if s == form.Closed {
			m.senders.filter = ""
		}
	}
	switch s {
	case form.Closed:
		left := m.mode
		if m.mode = modeBrowse; left == modeFilter {
			return m.revert()
		}
	case form.Submitted:
		return m.submit()
	case form.Keep:
		return m, m.shared.src.KeepFilter(m.filter.Asked())
	case form.Forget:
		return m, m.shared.src.ForgetFilter(m.filter.Asked())
	}
	return m, nil
}

// keepNamed takes in the filters that have names.
func (m model) keepNamed(msg source.FiltersMsg) model {
	switch {
	case msg.Err != nil:
		m.notice = newErrorNotice(msg.Err)
		return m
	case msg.Done != "":
		m.notice = newNotice(msg.Done)
	}
	m.named = msg.Named
	if m.mode == modeFilter {
		m.filter = m.filter.WithNamed(m.named)
	}
	return m
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
	left := m.mode
	switch m.mode = modeBrowse; left {
	case modeJump:
		to := m.goTo.Target()
		return m.jump(source.Place{ID: to.ID, Time: to.Time, Oldest: to.Oldest})
	case modeTerm:
		return m.narrow(m.term.Value())
	case modeNames:
		return m, nil
	case modeCopy:
		return m.copy(m.term.Value())
	}
	if m.filter.Search() {
		return m.startSearch()
	}
	return m.applyFilter()
}

// preview shows what passes the filter that is typed.
func (m model) preview(msg source.TypedMsg) (model, tea.Cmd) {
	to := m.origin
	to.sel.Filter = m.filter.Result()
	if m.mode != modeFilter || msg.N != m.typed || to.sel.Key() == m.shared.sel.Key() {
		return m, nil
	}
	return m.read(to)
}

// revert shows what was shown before a filter was typed.
func (m model) revert() (model, tea.Cmd) {
	if m.shared.sel.Key() == m.origin.sel.Key() {
		return m, nil
	}
	return m.read(m.origin)
}

// applyFilter leaves what passes the filter that was typed.
func (m model) applyFilter() (model, tea.Cmd) {
	to := m.origin
	to.sel.Filter = m.filter.Result()
	if s := to.sel.Filter.String(); s != "" {
		m.filters = append(slices.DeleteFunc(slices.Clone(m.filters), func(past string) bool { return past == s }), s)
	}
	shown := m.shared.sel.Key() == to.sel.Key() && !m.list.reading
	if to.sel.Key() != m.origin.sel.Key() {
		m.steps = append(m.steps[:len(m.steps):len(m.steps)], m.origin)
	}
	if shown { // while it was typed
		m.shared.sel = to.sel
		return m, nil
	}
	return m.read(to)
}

// startSearch goes to the nearest message above that passes what was typed, and
// hides nothing.
func (m model) startSearch() (model, tea.Cmd) {
	m.search = m.filter.Result()
	m, back := m.revert()
	if back != nil { // the list is read anew; n and N go on from there
		m.notice = newNotice("n next, N previous: " + m.search.String())
		return m, back
	}
	return m.find(false)
}

// chooseCopy opens the form that copies something of the message looked at.
func (m model) chooseCopy() model {
	msg, size := m.subject()
	if msg == nil {
		return m
	}
	payload := "payload, " + units.Bytes(int64(size))
	if size > len(msg.Payload) {
		payload += ", the first " + units.Bytes(int64(len(msg.Payload)))
	}
	m.mode, m.term = modeCopy, form.NewChoice("copy",
		form.Option{Key: "p", Text: payload, Value: "payload"},
		form.Option{Key: "t", Text: "topic " + cells.Topic(msg.Topic, 60), Value: "topic"},
		form.Option{Key: "i", Text: "ID " + strconv.FormatInt(msg.ID, 10), Value: "ID"})
	return m
}

// copy copies something of the message looked at to the terminal's clipboard.
func (m model) copy(what string) (model, tea.Cmd) {
	msg, _ := m.subject()
	if msg == nil {
		return m, nil
	}
	text := msg.Payload
	switch what {
	case "topic":
		text = []byte(msg.Topic)
	case "ID":
		text = []byte(strconv.FormatInt(msg.ID, 10))
	}
	if len(text) > source.MaxCopy {
		m.notice = newErrorNotice(errors.New("copy the payload: terminals take at most " + units.Bytes(source.MaxCopy)))
		return m, nil
	}
	m.notice = newNotice("copied the " + what)
	return m, source.Copy(m.shared.out, text)
}

// chooseTerm opens the form that includes or excludes something of the selected row.
func (m model) chooseTerm(include bool) model {
	title, not := "include only", ""
	if !include {
		title, not = "exclude", "not "
	}
	var options []form.Option
	add := func(key, name, value, term string) {
		options = append(options, form.Option{Key: key, Text: name + " " + cells.Topic(value, 60), Value: not + term})
	}
	sender, _ := m.subjectSender()
	if sender != "" && m.tab != tabTopics {
		add("s", "sender", sender, filter.Exactly("sender", sender))
	}
	topic := ""
	if m.tab == tabTopics && m.tree.at() != nil {
		topic = m.tree.at().Path()
	} else if msg, _ := m.subject(); msg != nil {
		topic = msg.Topic
	}
	if topic != "" {
		add("t", "topic ", topic, filter.Exactly("topic", topic))
		add("b", "below ", topic+"/#", filter.Below(topic))
		if above := strings.LastIndexByte(topic, '/'); above > 0 {
			add("u", "under ", topic[:above]+"/#", filter.Below(topic[:above]))
		}
	}
	if len(options) > 0 {
		m.mode, m.term = modeTerm, form.NewChoice(title, options...)
	}
	return m
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
	if m.tab == tabStream && !m.list.following {
		if msg := m.list.current(); msg != nil {
			return msg.Topic
		}
	}
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
	if f := m.form(); f != nil && (m.mode != modeFilter && m.mode != modeNames || !m.layout.tabs) {
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
	case f != nil && f.Hint() != "" && (m.mode != modePublish && m.mode != modeTell && m.mode != modeFilter || m.notice.text == ""):
		return sentence{t.Grey, f.Hint()}
	case m.notice.text != "":
		return m.notice.sentence(t)
	}
	return m.status.alert(t)
}
