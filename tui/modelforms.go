package tui

import (
	"errors"
	"fmt"
	"net/url"
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
	case modeTerm, modeCopy, modeActions, modeClear:
		return m.term
	case modeScale:
		return m.scale
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
	case modeTerm, modeCopy, modeActions, modeClear:
		m.term, s = m.term.Update(msg)
	case modeScale:
		m.scale, s = m.scale.Update(msg)
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
		if m.mode = m.leadsTo(); left == modeFilter {
			return m.revert()
		}
	case form.Submitted:
		return m.submit()
	case form.Keep:
		return m, m.shared.src.KeepFilter(m.filter.Asked())
	case form.Edit:
		return m, m.shared.src.Edit(m.shared.editor, m.publish.Text())
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
	switch m.mode = m.leadsTo(); left {
	case modeJump:
		to := m.goTo.Target()
		return m.jump(source.Place{ID: to.ID, Time: to.Time, Oldest: to.Oldest})
	case modeTerm:
		return m.narrow(m.term.Value())
	case modeNames:
		return m, nil
	case modeCopy:
		return m.copy(m.term.Value())
	case modeActions:
		return m.pressOne(keyNamed(m.term.Value()))
	case modeClear:
		return m.clear(m.term.Value())
	case modeScale:
		n, _ := strconv.Atoi(m.scale.Value()) // it was checked
		m.notice = newNotice("scaling to " + units.Plural(n, "broadcaster") + " …")
		m.notice.lasts = true
		return m, sh.src.Scale(n)
	}
	if m.filter.Search() {
		return m.startSearch()
	}
	return m.applyFilter()
}

// leadsTo returns the mode that follows that of the form.
func (m model) leadsTo() mode {
	if m.mode == modeCopy {
		return m.under
	}
	return modeBrowse
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
	options := []form.Option{
		{Key: "p", Text: payload, Value: "payload"},
		{Key: "t", Text: "topic " + cells.Topic(msg.Topic, 60), Value: "topic"},
		{Key: "i", Text: "ID " + strconv.FormatInt(msg.ID, 10), Value: "ID"},
	}
	if m.shared.page != "" {
		options = append(options, form.Option{Key: "l", Text: "link " + m.link(msg.ID), Value: "link"})
	}
	if node, ok := m.chosen(); ok {
		options = append(options, form.Option{Key: "a", Text: "path " + cells.Clean(node.Shown, 60), Value: "path"})
		if node.Leaf {
			options = append(options, form.Option{Key: "v", Text: "value " + cells.Clean(node.Value, 60), Value: "value"})
		}
	}
	m.under, m.mode, m.term = m.mode, modeCopy, form.NewChoice("copy", options...)
	return m
}

// link returns the address of the page that shows what is selected here, at a message.
func (m model) link(id int64) string {
	q := url.Values{"at": {strconv.FormatInt(id, 10)}, "id": {strconv.FormatInt(id, 10)}}
	if f := m.shared.sel.Filter.String(); f != "" {
		q.Set("filter", f)
	}
	if sender := m.shared.sel.Sender; sender != "" {
		q.Set("sender", sender)
	}
	return strings.TrimSuffix(m.shared.page, "/") + "/?" + q.Encode()
}

// copy copies something of the message looked at to the terminal's clipboard.
func (m model) copy(what string) (model, tea.Cmd) {
	msg, _ := m.subject()
	if msg == nil {
		return m, nil
	}
	text := msg.Payload
	node, chosen := m.chosen()
	switch {
	case what == "topic":
		text = []byte(msg.Topic)
	case what == "ID":
		text = []byte(strconv.FormatInt(msg.ID, 10))
	case what == "link":
		text = []byte(m.link(msg.ID))
	case what == "path" && chosen:
		text = []byte("payload" + node.Path.String())
	case what == "value" && chosen:
		text = []byte(node.Value)
	}
	if len(text) > source.MaxCopy {
		m.notice = newErrorNotice(errors.New("copy the " + what + ": terminals take at most " + units.Bytes(source.MaxCopy)))
		return m, nil
	}
	m.notice = newNotice("copied the " + what)
	return m, source.Copy(m.shared.out, text, m.shared.tmux)
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
	if node, ok := m.chosen(); ok && node.Term != "" {
		add("v", "value ", node.Term, node.Term)
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
	if c := msg.Cleared; c != nil {
		if c.Size == len(c.Payload) {
			m.publish = m.publish.Remember(form.Message{Topic: c.Topic, Text: string(c.Payload), QoS: 1, Retain: true})
		}
		return m
	}
	switch m.mode {
	case modePublish:
		m.publish = m.publish.Acknowledged()
	case modeTell:
		m.tell = m.tell.Acknowledged()
	}
	return m
}

// chooseAction opens the menu of what can be done with the selected row. A row that
// moves on with the stream is held.
func (m model) chooseAction() model {
	if m.tab == tabStream {
		m.list.pause()
	}
	m = m.arrange()
	var options []form.Option
	k := m.shared.keys
	for _, b := range k.ofRow() {
		if !b.Enabled() {
			continue
		}
		o := form.Option{Key: b.Keys()[0], Shown: b.Help().Key, Text: b.Help().Desc, Value: b.Keys()[0]}
		if o.Key == "enter" {
			o.Key = "" // enter takes what is marked, at first this one
		}
		options = append(options, o)
	}
	if len(options) > 0 {
		m.mode, m.term = modeActions, form.NewChoice(m.rowName(), options...)
	}
	return m
}

// rowName names the selected row.
func (m model) rowName() string {
	const w = 60
	switch msg, _ := m.subject(); {
	case m.tab == tabTopics && m.tree.at() != nil:
		return "topic " + cells.Topic(m.tree.at().Path(), w)
	case m.tab == tabSenders && m.senders.current() != nil:
		return "sender " + cells.Name(m.senders.current().Sender, w)
	case msg != nil:
		return "message #" + strconv.FormatInt(msg.ID, 10) + " of " + cells.Topic(msg.Sender, w)
	}
	return "actions"
}

// keyNamed returns the key of that name.
func keyNamed(name string) tea.KeyMsg {
	for _, t := range []tea.KeyType{tea.KeyEnter, tea.KeyDelete, tea.KeyLeft, tea.KeyRight} {
		if msg := (tea.KeyMsg{Type: t}); msg.String() == name {
			return msg
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// openPublish opens the form to publish to the selected topic.
func (m model) openPublish() model {
	m.mode, m.publish = modePublish, form.NewPublish(m.publishTopic(), m.publish.Sent())
	if m.shared.editor != nil {
		m.publish = m.publish.WithEditor()
	}
	return m
}

// editSelected opens the form to publish with the payload of the selected message, in
// the editor.
func (m model) editSelected() (model, tea.Cmd) {
	msg, size := m.subject()
	if msg == nil {
		return m, nil
	}
	if size > len(msg.Payload) {
		m.notice = newErrorNotice(errors.New("edit the payload: only the first " + units.Bytes(int64(len(msg.Payload))) + " of it are held"))
		return m, nil
	}
	if m.tab == tabStream {
		m.list.pause()
	}
	m = m.openPublish()
	m.publish = m.publish.WithText(string(msg.Payload))
	return m, m.shared.src.Edit(m.shared.editor, m.publish.Text())
}

// edited takes in what was left in the editor. If that failed, the text stays.
func (m model) edited(msg source.EditedMsg) (model, tea.Cmd) {
	if m.notice = (notice{}); msg.Err != nil {
		m.notice = newErrorNotice(msg.Err)
	} else {
		m.publish = m.publish.WithText(msg.Text)
	}
	return m.resume()
}

// resume goes on after another program had the terminal: what came meanwhile is read
// from the store, and the mouse is taken back.
func (m model) resume() (model, tea.Cmd) {
	to := m.here()
	m, read := m.read(to)
	if m.noMouse {
		return m, read
	}
	return m, tea.Batch(read, tea.EnableMouseCellMotion)
}

// askToClear shows what the broker retains, and asks before it is cleared.
func (m model) askToClear(msg source.RetainedMsg) model {
	const shown = 200
	m.notice = notice{}
	switch {
	case msg.Err != nil:
		m.notice = newErrorNotice(msg.Err)
	case msg.Size == 0:
		m.notice = newNotice(cells.Clean(msg.Topic, 60) + " retains nothing")
	case m.mode == modeBrowse:
		m.mode, m.clears = modeClear, msg
		title := cells.Topic(msg.Topic, 60) + " retains " + units.Bytes(int64(msg.Size)) + ": " + cells.Clean(string(msg.Payload), shown)
		m.term = form.NewChoice(title, form.Option{Key: "k", Text: "keep it", Value: "keep"}, form.Option{Key: "c", Text: "clear it", Value: "clear"})
	}
	return m
}

// clear clears what the broker retains, unless it is to be kept.
func (m model) clear(what string) (model, tea.Cmd) {
	if what != "clear" {
		return m, nil
	}
	m.notice = newNotice("clearing …")
	return m, m.shared.src.Clear(m.clears)
}

// askScale opens the form for the number of broadcasters.
func (m model) askScale() model {
	m.mode = modeScale
	m.scale = form.NewLine("broadcasters", "how many there should be; a later hellox up keeps it", m.scale.Value()).Checked(func(s string) error {
		if n, err := strconv.Atoi(s); err != nil || n < 0 {
			return fmt.Errorf("scale takes a number of broadcasters, not %q", s)
		}
		return nil
	})
	return m
}

// retainedTopic returns the selected topic, on which something may be retained; "" if
// there is none.
func (m model) retainedTopic() string {
	if m.tab == tabTopics {
		if n := m.tree.at(); n != nil && n.Has() {
			return n.Path()
		}
		return ""
	}
	if msg, _ := m.subject(); msg != nil {
		return msg.Topic
	}
	return ""
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
