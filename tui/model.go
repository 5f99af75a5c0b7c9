package tui

import (
	"context"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
)

// A tab is what the middle of the screen shows.
type tab int

const (
	tabStream tab = iota
	tabTopics
	tabSenders
	tabs // how many
)

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
	src     *source
	style   *styles
	keys    keys
	now     func() time.Time
	title   string
	since   time.Time
	sel     history.Select
	started time.Time

	layout layout
	tab    tab
	mode   mode

	gen    int   // rises with each new selection: what an older one asked for is ignored
	feed   *feed // nil until the newest page is there
	link   *stream.Link
	stats  history.Stats
	told   bool // stats hold what the store told
	ended  error
	notice notice

	list    list
	nameW   int // width of the longest sender seen in the list
	strip   window
	tree    tree
	senders senders
	detail  detail
	filter  filterLine
	publish publishForm
	tell    tellForm

	left error // what Run returns
}

func newModel(src *source, style *styles, o Options) model {
	m := model{
		src: src, style: style, keys: newKeys(), now: o.Now,
		title: stream.Clean(o.Title), since: o.Since, sel: o.Select,
		started: o.Now(),
		tree:    newTree(),
	}
	zone := m.started.Location()
	m.list = list{budget: o.Memory, zone: zone, following: true}
	m.strip = newWindow(stripSpan, stripSlots)
	return m
}

// Init reads the newest page and begins to watch the totals.
func (m model) Init() tea.Cmd {
	return tea.Batch(m.src.newest(m.gen, m.since, m.sel), m.src.poll(true), tick())
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
	case newestMsg:
		m, cmd = m.begin(msg)
	case retryMsg:
		if msg.gen == m.gen {
			cmd = m.src.newest(m.gen, m.since, m.sel)
		}
	case olderMsg:
		m = m.prepend(msg)
	case eventsMsg:
		m, cmd = m.fold(msg)
	case pollMsg:
		m, cmd = m.polled(msg)
	case pollDueMsg:
		cmd = m.src.poll(m.showsSenders())
	case actedMsg:
		m.notice = m.notice.say(msg.words)
		if msg.err != nil {
			m.notice = m.notice.fail(msg.err)
		}
	case tickMsg:
		m.notice = m.notice.at(m.now())
		cmd = tick()
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
	switch {
	case m.mode == modeDetail:
		m.detail.prepare(m.style, m.subject(), m.layout.w, m.layout.body, m.list.zone)
	case m.showsDetail():
		m.detail.prepare(m.style, m.subject(), m.layout.detail, m.layout.body, m.list.zone)
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
	return m.src.older(m.gen, m.list.older, m.since, m.sel)
}

// showsSenders tells whether the senders are on the screen.
func (m model) showsSenders() bool { return m.tab == tabSenders || m.layout.senders > 0 }

// showsDetail tells whether a message is set out beside the list.
func (m model) showsDetail() bool { return m.layout.detail > 0 && m.tab != tabSenders }

// begin shows the newest page and follows what comes after it.
func (m model) begin(msg newestMsg) (model, tea.Cmd) {
	switch {
	case msg.gen != m.gen:
		return m, nil
	case msg.err != nil:
		m.notice = m.notice.fail(msg.err)
		return m, retryLater(m.gen)
	}
	m.stats, m.told = msg.stats, true
	m.list.show(msg.page)
	m.tree = newTree()
	m.strip = newWindow(stripSpan, stripSlots)
	for i := range msg.page.Messages {
		m.count(&msg.page.Messages[i])
	}
	m.nameW = m.widest()
	m.list.last = max(m.list.last, msg.stats.LastID)
	m.feed = m.src.openFeed(history.Follow{After: m.list.last, Select: m.sel})
	return m, m.feed.next(m.gen)
}

func (m model) prepend(msg olderMsg) model {
	switch {
	case msg.gen != m.gen:
	case msg.err != nil:
		m.list.loading = false
		m.list.older = 0
		m.notice = m.notice.fail(msg.err)
	default:
		m.list.prepend(msg.page)
	}
	return m
}

// fold takes in one batch of what happened and asks for the next.
func (m model) fold(msg eventsMsg) (model, tea.Cmd) {
	if msg.gen != m.gen {
		return m, nil
	}
	for i := range msg.events {
		switch e := &msg.events[i]; {
		case e.Message != nil:
			m.list.push(e.Message)
			m.count(e.Message)
		case e.Sender != nil:
			m.senders.change(*e.Sender)
		case e.Link != nil:
			m.link = e.Link
		case e.LetGo > 0:
			m.list.gone(e.LetGo)
		}
	}
	m.list.trim()
	m.nameW = max(m.nameW, m.widest())
	if msg.end != nil {
		m.ended = msg.end
		return m, nil
	}
	return m, m.feed.next(m.gen)
}

// count takes a message into the strip and the tree.
func (m *model) count(msg *stream.Message) {
	if !msg.Retained { // it was said once, and is only handed out again
		m.strip.add(msg.Received)
	}
	m.tree.add(msg)
}

// widest measures the senders on the last screen of the list.
func (m *model) widest() int {
	const most = 24
	n := 0
	e := m.list.entries
	for _, e := range e[max(len(e)-max(m.list.height, 50), 0):] {
		if e.message != nil {
			n = max(n, width(clean(e.message.Sender, most)))
		}
	}
	return n
}

func (m model) polled(msg pollMsg) (model, tea.Cmd) {
	if msg.err != nil {
		m.notice = m.notice.fail(msg.err)
	} else {
		m.stats, m.told = msg.stats, true
		if msg.senders != nil {
			m.senders.set(msg.senders)
		}
	}
	return m, pollLater(msg.took)
}

// reselect shows another selection of the stream from its newest page on.
func (m model) reselect(sel history.Select) (model, tea.Cmd) {
	m.sel = sel
	m.gen++
	if m.feed != nil {
		m.feed.cancel()
		m.feed = nil
	}
	m.list.show(history.Page{})
	m.list.loading = true // until the newest page is there
	return m, m.src.newest(m.gen, m.since, m.sel)
}

// quit ends the program; err is what Run returns.
func (m model) quit(err error) (model, tea.Cmd) {
	m.left = err
	return m, tea.Quit
}

// press routes a key.
func (m model) press(msg tea.KeyMsg) (model, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.Leave):
		return m.quit(context.Canceled)
	case key.Matches(msg, m.keys.Suspend):
		return m, tea.Suspend
	}
	switch m.mode {
	case modeFilter:
		return m.pressFilter(msg)
	case modePublish:
		return m.pressPublish(msg)
	case modeTell:
		return m.pressTell(msg)
	case modeHelp:
		return m.pressHelp(msg)
	case modeDetail:
		return m.pressDetail(msg)
	}
	return m.pressBrowse(msg)
}
