package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/cells"
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
)

// model is the full screen, composed of sub-models. Update routes messages to
// them, View composes what they render. What waits is a command of source.
type model struct {
	shared   *shared
	title    string
	selected time.Time // when the selection was made
	layout   layout
	panes    panes
	dragged  rule // by the mouse
	helpTop  int  // the first line of the help on the screen
	tab      tab
	mode     mode
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

	noMouse bool  // the terminal has the mouse
	left    error // what Run returns
}

func newModel(src *source.Source, t *theme.Theme, o Options) model {
	started := o.Now()
	sh := &shared{src: src, theme: t, keys: newKeys(), now: o.StreamNow, since: o.Since, sel: o.Select}
	if sh.now == nil {
		sh.now = o.Now
	}
	return model{
		shared: sh, selected: started, wall: o.Now, title: cells.Clean(o.Title, maxNotice),
		status:  status{recent: timeline.New(recentSpan, recentSlots), recorded: o.Recorded},
		list:    newListModel(sh, o.Memory, started.Location()),
		tree:    newTreeModel(sh),
		senders: newSendersModel(sh),
		detail:  detailModel{shared: sh},
	}
}

// Init reads the newest page and begins to read the totals.
func (m model) Init() tea.Cmd {
	sh := m.shared
	// No text from the network gets into the title.
	return tea.Batch(tea.SetWindowTitle("hellox"), sh.src.Newest(sh.gen, sh.since, sh.sel), sh.src.Poll(true, false), source.Tick(), sh.src.OpenRecording())
}

// Update routes a message.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd, older, poll tea.Cmd
	shown := m.showsSenders()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.layout.w, m.layout.h = msg.Width, msg.Height
	case tea.KeyMsg:
		m, cmd = m.press(msg)
	case tea.MouseMsg:
		m = m.mouse(msg)
	case source.NewestMsg:
		m, cmd = m.begin(msg)
	case source.RetryMsg:
		if sh := m.shared; msg.Gen == sh.gen {
			cmd = sh.src.Newest(sh.gen, sh.since, sh.sel)
		}
	case source.OlderMsg:
		m = m.prepend(msg)
	case source.EventsMsg:
		m, cmd = m.apply(msg)
	case source.PollMsg:
		m, cmd = m.polled(msg)
	case source.PollDueMsg:
		cmd = m.shared.src.Poll(m.showsSenders(), m.layout.showsPanel(m.tab))
	case source.ActedMsg:
		m = m.acted(msg)
	case source.RecordOpenedMsg:
		m = m.recording(msg)
	case source.RecordEndedMsg:
		m.notice = newNotice("✓ recorded " + source.RecordedText(msg.Status))
	case source.TickMsg:
		m.notice = m.notice.at(m.wall())
		m.status.chooseUnit(m.shared.now())
		cmd = source.Tick()
	}
	m = m.arrange()
	if m.tab == tabStream {
		m.list, older = m.list.loadOlder()
	}
	if m.showsSenders() && !shown && m.status.known {
		poll = m.shared.src.PollOnce(true, m.layout.showsPanel(m.tab)) // they were not read while they were hidden
	}
	return m, tea.Batch(cmd, older, poll)
}

// arrange fits all sub-models to the screen as it is now.
func (m model) arrange() model {
	now := m.shared.now()
	m.layout = layoutFor(m.layout.w, m.layout.h, 0, m.panes) // the form's lines depend on it
	m.layout = layoutFor(m.layout.w, m.layout.h, len(m.formLines()), m.panes)
	m.list.resize(m.layout.body)
	if m.tab == tabTopics {
		m.tree.resize(max(m.layout.body-1, 1))
	}
	m.senders.resize(max(m.layout.body-1, 1))
	if msg, size := m.subject(); m.mode == modeDetail {
		m.detail.prepare(msg, size, m.layout.w, m.layout.body, now)
	} else if m.layout.showsDetail(m.tab) {
		if m.tab == tabStream && m.list.following && m.detail.fresh(now) {
			msg, size = m.detail.of, m.detail.size
		}
		m.detail.prepare(msg, size, m.layout.detail, m.layout.body, now)
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

// reselect shows another selection of the stream from its newest page on.
func (m model) reselect(sel history.Select) (model, tea.Cmd) {
	sh := m.shared
	sh.sel = sel
	sh.gen++
	m.status.ended = nil
	m.selected = m.wall()
	if m.feed != nil {
		m.feed.Stop()
		m.feed = nil
	}
	m.list.show(history.Page{})
	m.list.loading = true // until the newest page is read
	return m, sh.src.Newest(sh.gen, sh.since, sh.sel)
}

// only shows the messages of one sender, or of all again if it is that one
// already.
func (m model) only(sender string) (model, tea.Cmd) {
	sel := m.shared.sel
	if sel.Sender == sender {
		sender = ""
	}
	sel.Sender = sender
	return m.reselect(sel)
}

// back shows more again: all senders, else all that the filter left out.
func (m model) back() (model, tea.Cmd) {
	sel := m.shared.sel
	if sel.Sender != "" {
		sel.Sender = ""
	} else {
		sel.Filter = nil
	}
	return m.reselect(sel)
}
