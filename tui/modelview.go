package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
	"hellox/tui/wholeframe"
)

// View composes the screen: always as many lines as the terminal has, none
// wider than it.
func (m model) View() string {
	l := m.layout
	if l.w == 0 || l.h == 0 {
		return ""
	}
	t, lines := m.shared.theme, make([]string, 0, l.h+maxSentence)
	if l.header {
		lines = append(lines, headerLine(t, m.title, &m.status, m.ledger(), l.w, m.shared.now()))
	}
	if l.tabs {
		lines = append(lines, m.secondLine())
	}
	lines = append(lines, m.body()...)
	lines = append(lines, m.formLines()...)
	if l.foot {
		lines = append(lines, m.footLine())
	}
	if l.keys {
		lines = append(lines, keyLine(t, m.footKeys(), m.lastKeys(), l.w))
	}
	for i := range lines {
		lines[i] = wholeframe.Line(cells.Cut(lines[i], l.w))
	}
	return strings.Join(lines[max(len(lines)-l.h, 0):], "\n")
}

// ledger returns the totals for the header.
func (m model) ledger() ledger {
	return ledger{stats: &m.status.stats, known: m.status.known, dropped: m.list.dropped,
		shown: m.shown, counted: m.narrowed(), partly: m.tree.partly > 0}
}

// secondLine renders the tabs, or the filter while it is typed.
func (m model) secondLine() string {
	if m.mode == modeFilter || m.mode == modeNames {
		return m.form().View(m.shared.theme, m.layout.w)[0]
	}
	return tabLine(m.shared.theme, m.tab, m.shared.sel, m.layout.w)
}

// body renders what is between the tabs and the foot: exactly layout.body lines.
func (m model) body() []string {
	l, t, now := m.layout, m.shared.theme, m.shared.now()
	switch {
	case m.mode == modeHelp:
		return cells.Block(m.help[m.helpTop:], l.w, l.body)
	case m.fullDetail():
		return cells.Block(m.detail.Lines(), l.w, l.body)
	case m.tab == tabSenders:
		return cells.Block(m.senders.view(l.w, now), l.w, l.body)
	}
	body := cells.Block(m.main(now), l.main, l.body)
	if l.senders > 0 {
		body = beside(t, cells.Block(m.senders.panel(l.senders, l.body, now, m.lookedAt()), l.senders, l.body), body)
	}
	if l.detail > 0 {
		body = beside(t, body, cells.Block(m.detail.Lines(), l.detail, l.body))
	}
	return body
}

// fullDetail reports whether a message fills the body.
func (m model) fullDetail() bool {
	return m.mode == modeDetail || m.mode == modeCopy && m.under == modeDetail
}

// beside joins two panes of as many lines with a line between them.
func beside(t *theme.Theme, a, b []string) []string {
	rule := t.Hair.Apply("│")
	for i := range a {
		a[i] += rule + b[i]
	}
	return a
}

// main renders the messages or their topics.
func (m model) main(now time.Time) []string {
	switch {
	case len(m.list.items) == 0:
		return m.emptyLines()
	case m.tab == tabTopics:
		return m.tree.view(m.layout.main, now)
	}
	return m.list.view(m.layout.main)
}

// emptyLines explains an empty list, and counts the time.
func (m model) emptyLines() []string {
	elapsed, sel := units.Elapsed(m.wall().Sub(m.selected)), m.shared.sel
	first, second := "No messages yet. A broadcaster says Hello world every 1 to 10 s.", "waiting for "+elapsed
	switch {
	case !m.status.known:
		first, second = "Reading the history.", "since "+elapsed
	case m.list.loading || m.list.older != 0:
		first, second = "Searching the history.", "before message "+units.Count(uint64(m.list.older))
	case sel.Filter != nil || sel.Sender != "":
		first = "Nothing passes the filter yet."
	}
	return []string{"", cells.Cut("  "+first, m.layout.main), m.shared.theme.Grey.Apply(cells.Cut("  "+second, m.layout.main))}
}

// footLine renders the line above the keys: a sentence, else the last ten minutes,
// and at the end the state of the tab.
func (m model) footLine() string {
	t, w := m.shared.theme, m.layout.w
	state := ""
	switch {
	case m.mode == modeHelp:
		state = m.helpState()
	case m.tab == tabStream:
		state = m.list.state()
	case m.tab == tabTopics:
		state = m.tree.state()
	default:
		state = m.senders.state()
	}
	place := time.Time{}
	if msg := m.list.current(); msg != nil && m.tab == tabStream && !m.list.following {
		place = msg.Received
	}
	left := recentText(t, &m.status, place, w, m.shared.now())
	if s := m.sentence(); s.text != "" && m.fitsFoot(s) {
		left = s.style.Apply(" " + s.text)
	}
	return cells.Ends(left, t.Grey.Apply(state), w)
}

// helpState says which part of the help is on the screen.
func (m model) helpState() string {
	n := len(m.help)
	if n <= m.layout.body {
		return ""
	}
	return fmt.Sprintf("%d–%d of %d ", m.helpTop+1, m.helpTop+m.layout.body, n)
}

// lastKeys returns how many of the last footKeys are always shown: help and quit, or
// the one that closes a form.
func (m model) lastKeys() int {
	if m.form() != nil {
		return 1
	}
	return 2
}

// footKeys returns the keys for the last line.
func (m model) footKeys() []key.Binding {
	if f := m.form(); f != nil {
		return f.Help()
	}
	switch k := m.shared.keys; m.mode {
	case modeDetail:
		return k.inDetail()
	case modeHelp:
		return k.inHelp()
	default:
		return k.browsing()
	}
}
