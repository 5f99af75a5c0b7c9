package tui

import (
	"slices"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
	"hellox/tui/cells"
	"hellox/tui/detail"
	"hellox/tui/form"
	"hellox/tui/source"
	"hellox/tui/theme"
	"hellox/tui/timeline"
)

// A tab is what the middle of the screen shows.
type tab int

const (
	tabStream tab = iota
	tabTopics
	tabSenders
	tabs // how many
)

// tabNames are the names of the tabs, in order.
var tabNames = [tabs]string{"stream", "topics", "senders"}

// A mode is what the keys go to.
type mode int

const (
	modeBrowse mode = iota
	modeDetail
	modeHelp
	modeFilter
	modePublish
	modeTell
	modeJump
	modeTerm
	modeNames
	modeCopy
	modeActions
	modeClear
	modeScale
)

// model is the full screen, composed of sub-models. Update routes messages to
// them, View composes what they render. What waits is a command of source.
type model struct {
	shared   *shared
	title    string
	selected time.Time // when the selection was made
	layout   layout
	panes    panes
	dragged  rule     // by the mouse
	help     []string // the lines of the help, while it is shown
	helpTop  int      // the first one on the screen
	tab      tab
	mode     mode
	under    mode             // the one that modeCopy leads back to
	wall     func() time.Time // the time; shared.now is that of the stream

	feed   *source.Feed // nil until the newest page is read
	status status
	notice notice

	list    listModel
	tree    treeModel
	senders sendersModel
	detail  detailModel
	filter  form.Filter
	publish form.Publish
	tell    form.Tell
	goTo    form.Jump
	term    form.Choice
	names   form.Line
	scale   form.Line
	clears  source.RetainedMsg // what is shown before it is cleared

	shown    uint64         // messages of the selection that were counted
	surveyed int            // of those, before it was followed
	counting int64          // before which messages are counted next; 0: that is done
	steps    []step         // that lead back, newest last
	search   *filter.Filter // what n and N look for
	filters  []string       // applied before, newest last
	named    []filter.Named // kept under names
	place    source.Place   // the one read last
	typed    int            // how often the filter that is typed has changed
	origin   step           // where the filter began to be typed

	noMouse bool  // the terminal has the mouse
	left    error // what Run returns
}

func newModel(src *source.Source, t *theme.Theme, o Options) model {
	started := o.Now()
	sh := &shared{src: src, theme: t, out: o.Out, tmux: o.Tmux, page: o.Page, editor: o.editor(), keys: newKeys(), now: o.StreamNow, since: o.Since, sel: o.Select}
	if sh.now == nil {
		sh.now = o.Now
	}
	return model{
		shared: sh, selected: started, wall: o.Now, title: cells.Clean(o.Title, maxNotice),
		status:  status{recent: timeline.New(recentSpan, recentSlots), recorded: o.Recorded},
		list:    newListModel(sh, o.Memory, started.Location()),
		tree:    newTreeModel(sh),
		senders: newSendersModel(sh),
		detail:  newDetailModel(sh),
	}
}

// Init reads the newest page and begins to read the totals.
func (m model) Init() tea.Cmd {
	sh := m.shared
	// No text from the network gets into the title.
	return tea.Batch(tea.SetWindowTitle("hellox"), sh.src.Read(sh.gen, source.Place{}, sh.since, sh.sel), sh.src.Poll(true, false), source.Tick(), sh.src.OpenRecording())
}

// Update routes a message.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	senders := m.showsSenders()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		if m.layout.w > 0 { // tmux leaves halves of wide characters where it cut a line
			cmd = tea.ClearScreen
		}
		m.layout.w, m.layout.h = msg.Width, msg.Height
	case tea.KeyMsg:
		m, cmd = m.press(msg)
	case tea.MouseMsg:
		m, cmd = m.mouse(msg)
	case source.NewestMsg:
		m, cmd = m.begin(msg)
	case source.RetryMsg:
		if sh := m.shared; msg.Gen == sh.gen {
			cmd = sh.src.Read(sh.gen, m.place, sh.since, sh.sel)
		}
	case source.PageMsg:
		m = m.extend(msg)
	case source.SurveyMsg:
		m, cmd = m.survey(msg)
	case source.TopicsMsg, source.LastMsg:
		m = m.topics(msg)
	case source.DecodedMsg, source.ChangesMsg, source.NumbersMsg:
		m.detail = m.detail.update(msg)
	case source.FoundMsg:
		m, cmd = m.found(msg)
	case source.TypedMsg:
		m, cmd = m.preview(msg)
	case source.EventsMsg:
		m, cmd = m.apply(msg)
	case source.PollMsg:
		m, cmd = m.polled(msg)
	case source.PollDueMsg:
		cmd = m.shared.src.Poll(m.showsSenders(), m.layout.showsPanel(m.tab))
	case source.TickMsg:
		m.notice = m.notice.at(m.wall())
		m.status.chooseUnit(m.shared.now())
		m.tree = m.tree.update(msg)
		m.senders.stale = true
		cmd = source.Tick()
	default:
		m, cmd = m.done(msg)
	}
	m, more := m.arrange().load(senders)
	return m, tea.Batch(cmd, more)
}

// load asks for what is on the screen and was not read. senders reports whether they
// were on the screen before.
func (m model) load(senders bool) (model, tea.Cmd) {
	var page, shown, poll tea.Cmd
	switch m.tab {
	case tabStream:
		m.list, page = m.list.load()
	case tabTopics:
		m.tree, page = m.tree.load()
	}
	if m.fullDetail() || m.layout.showsDetail(m.tab) {
		m.detail, shown = m.detail.load(m.wall())
	}
	if m.showsSenders() && !senders && m.status.known {
		poll = m.shared.src.PollOnce(true, m.layout.showsPanel(m.tab)) // they were not read while they were hidden
	}
	return m, tea.Batch(page, shown, poll)
}

// done takes in what came of something that the user has asked for.
func (m model) done(msg tea.Msg) (_ model, cmd tea.Cmd) {
	switch msg := msg.(type) {
	case source.ActedMsg:
		m = m.acted(msg)
	case source.RetainedMsg:
		m = m.askToClear(msg)
	case source.EditedMsg:
		m, cmd = m.edited(msg)
	case tea.ResumeMsg:
		m, cmd = m.resume()
	case source.FiltersMsg:
		m = m.keepNamed(msg)
	case source.RecordOpenedMsg:
		m = m.recording(msg)
	case source.RecordEndedMsg:
		m.notice = newNotice("✓ recorded " + source.RecordedText(msg.Status))
	}
	return m, cmd
}

// minRows is how many lines a menu leaves to the list, and the list to a menu.
const minRows = 3

// arrange fits all sub-models to the screen as it is now.
func (m model) arrange() model {
	now := m.shared.now()
	m.layout = layoutFor(m.layout.w, m.layout.h, 0, m.panes) // the form's lines depend on it
	m.term = m.term.Within(max(m.layout.body-minRows, minRows))
	m.layout = layoutFor(m.layout.w, m.layout.h, len(m.formLines()), m.panes)
	m.list.resize(m.layout.body)
	if m.tab == tabTopics {
		m.tree.resize(max(m.layout.body-1, 1))
	}
	m.senders.resize(max(m.layout.body-1, 1))
	if m.mode == modeHelp {
		m.help = helpLines(m.shared.theme, m.layout.w)
		m.helpTop = clamp(m.helpTop, 0, max(len(m.help)-m.layout.body, 0))
	}
	m.list.shown = 0
	if msg, size := m.subject(); m.fullDetail() {
		m.detail.Show(msg, size, m.layout.w, m.layout.body, now)
	} else if m.layout.showsDetail(m.tab) {
		if m.tab == tabStream && m.list.following && m.detail.Fresh(now) {
			msg, size = m.detail.Message()
		}
		m.detail.Show(msg, size, m.layout.detail, m.layout.body, now)
		if msg != nil {
			m.list.shown = msg.ID
		}
	}
	m.status.recording, m.status.records = m.shared.src.Recording()
	m.shared.keys = m.enabled()
	return m
}

// showsSenders reports whether the senders are on the screen.
func (m model) showsSenders() bool { return m.tab == tabSenders || m.layout.showsPanel(m.tab) }

// subject returns the message that the detail shows, and the size of its
// payload: the selected one, or the newest of the selected topic.
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

// chosen returns the value that is chosen in the message that is looked at, and false
// if there is none: the detail may still hold another message while it is hidden.
func (m model) chosen() (n detail.Node, ok bool) {
	subject, _ := m.subject()
	held, _ := m.detail.Message()
	if subject == nil || held == nil || held != subject && (held.ID == 0 || held.ID != subject.ID) {
		return n, false
	}
	return m.detail.Chosen()
}

// subjectSender returns the sender that is looked at, and whether it is a
// broadcaster of hellox; "" if there is none.
func (m model) subjectSender() (name string, ours bool) {
	if m.tab == tabSenders {
		if s := m.senders.current(); s != nil {
			return s.Sender, s.Ours
		}
		return "", false
	}
	if msg, _ := m.subject(); msg != nil {
		return msg.Sender, msg.Ours
	}
	return "", false
}

// lookedAt returns the sender that the user has chosen to look at; "": all of them.
func (m model) lookedAt() string {
	if sender := m.shared.sel.Sender; sender != "" {
		return sender
	}
	if m.tab == tabStream && m.list.following {
		return "" // the newest message was not chosen
	}
	sender, _ := m.subjectSender()
	return sender
}

// A step is where the user was: what was selected, and the place in it.
type step struct {
	sel   history.Select
	place source.Place
	line  int // of the screen, on which the place was
}

// maxSteps bounds how many steps back there are.
const maxSteps = 100

// here returns the step that leads to where the user is now.
func (m model) here() step {
	at := step{sel: m.shared.sel, line: m.list.height / 2}
	if msg := m.list.current(); msg != nil && !m.list.following {
		at.place.ID, at.line = msg.ID, m.list.line()
	}
	return at
}

// read shows a selection, about a place in it. What is on the screen stays until
// that is read.
func (m model) read(to step) (model, tea.Cmd) {
	sh := m.shared
	if sh.sel.Key() != to.sel.Key() {
		m.selected = m.wall()
	}
	sh.sel, m.place = to.sel, to.place
	sh.gen++
	m.status.ended = nil
	if m.feed != nil {
		m.feed.Stop()
		m.feed = nil
	}
	m.list.reading, m.list.keep = true, to.line
	return m, sh.src.Read(sh.gen, to.place, sh.since, sh.sel)
}

// visit is read that can be gone back from.
func (m model) visit(to step) (model, tea.Cmd) {
	n, here := len(m.steps), m.here()
	if n > 0 && to.sel.Key() != here.sel.Key() && m.steps[n-1].sel.Key() == to.sel.Key() {
		m.steps = m.steps[:n-1] // it leads back
	} else {
		m.steps = append(m.steps[max(0, n-maxSteps+1):n:n], here)
	}
	return m.read(to)
}

// choose shows another selection of the stream, at the same place.
func (m model) choose(sel history.Select) (model, tea.Cmd) {
	to := m.here()
	to.sel = sel
	return m.visit(to)
}

// only shows the messages of one sender, or of all again if it is that one
// already.
func (m model) only(sender string) (model, tea.Cmd) {
	sel := m.shared.sel
	if sel.Sender == sender {
		sender = ""
	}
	sel.Sender = sender
	return m.choose(sel)
}

// back goes a step back. The last one is to follow the stream.
func (m model) back() (model, tea.Cmd) {
	n := len(m.steps)
	if n == 0 {
		return m.follow()
	}
	to := m.steps[n-1]
	m.steps = m.steps[: n-1 : n-1]
	return m.read(to)
}

// follow goes to the end of the stream.
func (m model) follow() (model, tea.Cmd) {
	for n := len(m.steps); n > 0 && m.steps[n-1].sel.Key() == m.shared.sel.Key(); n-- {
		m.steps = m.steps[:n-1] // places in this selection
	}
	if m.list.follow() {
		return m, nil
	}
	return m.read(step{sel: m.shared.sel})
}

// jump goes to another place of the selection.
func (m model) jump(to source.Place) (model, tea.Cmd) {
	if to.End() {
		return m.follow()
	}
	m.tab = tabStream
	return m.visit(step{m.shared.sel, to, m.here().line})
}

// scrub goes to the message nearest to a time that is d from the selected one.
func (m model) scrub(d time.Duration) (model, tea.Cmd) {
	msg := m.list.current()
	if msg == nil {
		return m, nil
	}
	return m.read(step{m.shared.sel, source.Place{Time: msg.Received.Add(d), Back: d < 0}, m.here().line})
}

// narrow adds a term to the filter, or takes the last one away if that is "".
func (m model) narrow(term string) (model, tea.Cmd) {
	sel := m.shared.sel
	parts := filter.Parts(sel.Filter)
	switch {
	case term != "":
		parts = append(parts, term)
	case len(parts) > 0:
		parts = parts[:len(parts)-1]
	}
	var err error
	if sel.Filter, err = filter.Parse(strings.Join(parts, " ")); err != nil {
		m.notice = newErrorNotice(err)
		return m, nil
	}
	return m.choose(sel)
}

// toggleTerm adds a term to the filter, or takes it away if it is there.
func (m model) toggleTerm(term string) (model, tea.Cmd) {
	one, err := filter.Parse(term)
	if err != nil {
		m.notice = newErrorNotice(err)
		return m, nil
	}
	sel := m.shared.sel
	parts := filter.Parts(sel.Filter)
	at := slices.Index(parts, one.String())
	if at < 0 {
		return m.narrow(term)
	}
	if sel.Filter, err = filter.Parse(strings.Join(slices.Delete(parts, at, at+1), " ")); err != nil {
		m.notice = newErrorNotice(err)
		return m, nil
	}
	return m.choose(sel)
}

// find goes to the next message that the search finds, if it is on.
func (m model) find(forward bool) (model, tea.Cmd) {
	sh := m.shared
	msg := m.list.current()
	if m.search == nil || msg == nil {
		return m, nil
	}
	m.notice = newNotice("searching …")
	return m, sh.src.Find(sh.gen, msg.ID, forward, sh.since, sh.sel, m.search)
}

// found goes to what a search has found.
func (m model) found(msg source.FoundMsg) (model, tea.Cmd) {
	sh := m.shared
	switch {
	case msg.Gen != sh.gen:
		return m, nil
	case msg.Err != nil:
		m.notice = newErrorNotice(msg.Err)
		return m, nil
	case msg.ID == 0:
		m.notice = newNotice("none " + map[bool]string{true: "below", false: "above"}[msg.Forward])
		return m, nil
	}
	m.notice = notice{}
	if m.list.locate(msg.ID) {
		return m, nil
	}
	return m.read(step{sh.sel, source.Place{ID: msg.ID}, m.list.height / 2})
}
