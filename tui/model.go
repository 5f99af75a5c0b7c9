package tui

import (
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/cells"
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

// tabNames are what the tabs are called, in order.
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

// model is the full screen. Update routes what happens to its parts, View
// paints them; whatever waits is a command of source.
type model struct {
	src     *source.Source
	style   *theme.Theme
	keys    keys
	now     func() time.Time
	title   string
	since   time.Time
	sel     history.Select
	started time.Time

	layout layout
	tab    tab
	mode   mode

	gen    int          // rises with each new selection: what an older one asked for is ignored
	feed   *source.Feed // nil until the newest page is there
	link   *stream.Link
	stats  history.Stats
	told   bool // stats hold what the store told
	ended  error
	notice notice

	list    list
	nameW   int // width of the longest sender seen in the list
	strip   timeline.Timeline
	tree    tree
	senders senders
	detail  detail
	filter  filterLine
	publish publishForm
	tell    tellForm

	noMouse bool  // the terminal has the mouse
	left    error // what Run returns
}

func newModel(src *source.Source, style *theme.Theme, o Options) model {
	m := model{
		src: src, style: style, keys: newKeys(), now: o.Now,
		title: cells.Clean(o.Title, noticeMost), since: o.Since, sel: o.Select,
		started: o.Now(),
		tree:    newTree(),
	}
	zone := m.started.Location()
	m.list = list{budget: o.Memory, zone: zone, following: true}
	m.strip = timeline.New(stripSpan, stripSlots)
	m.senders.rhythms = map[string]rhythm{}
	return m
}

// Init reads the newest page and begins to watch the totals.
func (m model) Init() tea.Cmd {
	// The title is this word whatever comes from the network.
	return tea.Batch(tea.SetWindowTitle("hellox"), m.src.Newest(m.gen, m.since, m.sel), m.src.Poll(true, false), source.Tick())
}

// Update routes.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
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
		if msg.Gen == m.gen {
			cmd = m.src.Newest(m.gen, m.since, m.sel)
		}
	case source.OlderMsg:
		m = m.prepend(msg)
	case source.EventsMsg:
		m, cmd = m.fold(msg)
	case source.PollMsg:
		m, cmd = m.polled(msg)
	case source.PollDueMsg:
		cmd = m.src.Poll(m.showsSenders(), m.showsPanel())
	case source.ActedMsg:
		m.notice = m.notice.say(msg.Text)
		if msg.Err != nil {
			m.notice = m.notice.fail(msg.Err)
		}
	case source.TickMsg:
		m.notice = m.notice.at(m.now())
		cmd = source.Tick()
	}
	m = m.arrange()
	return m, tea.Batch(cmd, m.wantOlder())
}

// arrange fits all parts to the screen as it is now.
func (m model) arrange() model {
	m.layout = layoutFor(m.layout.w, m.layout.h, len(m.form()))
	m.list.resize(m.layout.body)
	if m.tab == tabTopics {
		m.tree.arrange(max(m.layout.body-1, 1))
	}
	m.senders.resize(len(m.senders.all), max(m.layout.body-1, 1))
	if msg, size := m.subject(); m.mode == modeDetail {
		m.detail.prepare(m.style, msg, size, m.layout.w, m.layout.body, m.now())
	} else if m.showsDetail() {
		if m.tab == tabStream && m.list.following && m.detail.fresh(m.now()) {
			msg, size = m.detail.of, m.detail.size
		}
		m.detail.prepare(m.style, msg, size, m.layout.detail, m.layout.body, m.now())
	}
	m.keys = m.enabled()
	return m
}

// wantOlder asks for the page before if the reader comes near to its place.
func (m *model) wantOlder() tea.Cmd {
	if m.tab != tabStream || !m.list.wantsOlder() {
		return nil
	}
	m.list.loading = true
	return m.src.Older(m.gen, m.list.older, m.since, m.sel)
}

// showsSenders tells whether the senders are on the screen.
func (m model) showsSenders() bool { return m.tab == tabSenders || m.showsPanel() }

// showsPanel tells whether they are beside the list.
func (m model) showsPanel() bool { return m.layout.senders > 0 && m.tab != tabSenders }

// showsDetail tells whether a message is set out beside the list.
func (m model) showsDetail() bool { return m.layout.detail > 0 && m.tab != tabSenders }

// reselect shows another selection of the stream from its newest page on.
func (m model) reselect(sel history.Select) (model, tea.Cmd) {
	m.sel = sel
	m.gen++
	m.ended = nil
	if m.feed != nil {
		m.feed.Stop()
		m.feed = nil
	}
	m.list.show(history.Page{})
	m.list.loading = true // until the newest page is there
	return m, m.src.Newest(m.gen, m.since, m.sel)
}

// quit ends the program; err is what Run returns.
func (m model) quit(err error) (model, tea.Cmd) {
	m.left = err
	return m, tea.Quit
}
