package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/bubbles/key"

	"hellox/stream"
)

// The strip at the foot counts the last ten minutes.
const (
	stripSpan  = 10 * time.Minute
	stripSlots = 600
)

// View paints the screen: always as many lines as the terminal has, none wider
// than it.
func (m model) View() string {
	if m.layout.w == 0 || m.layout.h == 0 {
		return ""
	}
	lines := make([]string, 0, m.layout.h)
	if m.layout.bare {
		lines = append(lines, m.body()...)
		lines = append(lines, m.form()...)
		for i := range lines { // smaller than any part was made for
			lines[i] = cut(lines[i], m.layout.w)
		}
	} else {
		lines = append(lines, m.header(), m.tabLine())
		lines = append(lines, m.body()...)
		lines = append(lines, m.form()...)
		lines = append(lines, m.stripLine(), m.keyLine())
	}
	return strings.Join(lines[:min(len(lines), m.layout.h)], "\n")
}

// ends writes one text at the left and one at the right of w cells; the left
// one is cut where both do not fit.
func ends(a, b string, w int) string {
	n := max(w-width(b), 0)
	return left(a, n) + cut(b, w)
}

func (m model) header() string {
	s := m.style
	link, totals := m.linkWords(), ""
	if m.told {
		totals = fmt.Sprintf("  %s recv  %s dropped  ? ", count(m.stats.Received), count(m.list.dropped))
	}
	at := s.bold.paint(" hellox")
	const between = " · "
	if title := cut(m.title, m.layout.w-width(at)-width(link)-width(totals)-2*len(" . ")); title != "" {
		at += s.grey.paint(between) + title
	}
	at += s.grey.paint(between) + link
	return ends(at, s.grey.paint(totals), m.layout.w)
}

// linkWords tell how the stream comes here: our own connection first, and the
// receiver's to the broker if that one is not well.
func (m model) linkWords() string {
	s := m.style
	switch {
	case m.ended != nil:
		return s.red.paint("⨯ ended")
	case m.link != nil && m.link.State != stream.Connected:
		return m.linkState(*m.link)
	case !m.told:
		return s.grey.paint("◌ connecting")
	case m.stats.Link.State != "" && m.stats.Link.State != stream.Connected:
		if m.link == nil {
			return m.linkState(m.stats.Link)
		}
		return s.green.paint("●") + " connected, broker " + m.linkState(m.stats.Link)
	}
	return s.green.paint("●") + " connected"
}

func (m model) linkState(l stream.Link) string {
	s := m.style
	switch l.State {
	case stream.Connected:
		return s.green.paint("●") + " connected"
	case stream.Retrying:
		in := l.Retry.Sub(m.now())
		if in < time.Second {
			return s.grey.paint("◌ retrying")
		}
		return s.grey.paint("◌ retry in " + age(in+time.Second/2))
	case stream.Ended:
		return s.red.paint("⨯ ended")
	}
	return s.grey.paint("◌ connecting")
}

func (m model) tabLine() string {
	s := m.style
	if m.mode == modeFilter {
		return m.filter.view(s, m.layout.w)
	}
	line := ""
	for i, name := range tabNames {
		if tab(i) == m.tab {
			line += s.accent.paint("›") + s.bold.paint(name) + " "
		} else {
			line += " " + s.grey.paint(name) + " "
		}
	}
	narrowed := ""
	if m.sel.Sender != "" {
		narrowed = "only " + clean(m.sel.Sender, 24) + "  "
	}
	if len(m.sel.Topics) > 0 {
		narrowed += "topic: " + clean(strings.Join(m.sel.Topics, " "), 24) + "  "
	}
	words := "filter: (none) "
	if m.sel.Filter != nil {
		words = "filter: " + clean(m.sel.Filter.String(), max(m.layout.w-width(line)-width(narrowed)-12, 8)) + " "
	}
	return ends(line, s.accent.paint(narrowed)+s.grey.paint(words), m.layout.w)
}

// body paints what is between the tabs and the foot: exactly layout.body lines.
func (m model) body() []string {
	l := m.layout
	switch m.mode {
	case modeHelp:
		return fill(m.helpLines(), l.w, l.body)
	case modeDetail:
		return fill(m.detail.view(), l.w, l.body)
	}
	now := m.now()
	if m.tab == tabSenders {
		return fill(m.senders.view(m.style, l.w, now), l.w, l.body)
	}
	main := fill(m.main(now), l.main, l.body)
	if l.senders > 0 {
		main = m.beside(fill(m.senders.panel(m.style, l.senders, l.body, now, m.subjectSender()), l.senders, l.body), main)
	}
	if l.detail > 0 {
		main = m.beside(main, fill(m.detail.view(), l.detail, l.body))
	}
	return main
}

func (m model) main(now time.Time) []string {
	switch {
	case len(m.list.entries) == 0:
		return m.emptyLines(now)
	case m.tab == tabTopics:
		return m.tree.view(m.style, m.layout.main, now)
	}
	return m.list.view(m.style, m.layout.main, m.nameW)
}

// emptyLines say why there is nothing to see, and that somebody is at it.
func (m model) emptyLines(now time.Time) []string {
	first, second := "No messages yet. A broadcaster says Hello world every 1 to 10 s.", "waiting for "+age(now.Sub(m.started))
	switch {
	case !m.told:
		first, second = "Reading the history.", "since "+age(now.Sub(m.started))
	case m.list.loading || m.list.older != 0:
		first, second = "Searching the history.", "before message "+count(uint64(m.list.older))
	case m.sel.Filter != nil || m.sel.Sender != "":
		first = "Nothing passes the filter yet."
	}
	return []string{"", cut("  "+first, m.layout.main), m.style.grey.paint(cut("  "+second, m.layout.main))}
}

// fill makes lines exactly w cells wide and height many.
func fill(lines []string, w, height int) []string {
	full := make([]string, height)
	for i := range full {
		if i < len(lines) {
			full[i] = left(lines[i], w)
		} else {
			full[i] = spaces(w)
		}
	}
	return full
}

// beside joins two panes by a line.
func (m model) beside(a, b []string) []string {
	rule := m.style.hair.paint("│")
	for i := range a {
		a[i] += rule + b[i]
	}
	return a
}

// alert is what must be said before anything else at the foot; "" if nothing.
func (m model) alert() string {
	s, w := m.style, m.layout.w
	switch {
	case m.notice.text != "" && m.notice.failed:
		return s.red.paint(left(" ✗ "+m.notice.text, w))
	case m.notice.text != "":
		return left(" "+m.notice.text, w)
	case m.ended != nil:
		return s.red.paint(left(" ✗ "+clean(m.ended.Error(), w), w))
	case m.link != nil && m.link.State != stream.Connected && m.link.Cause != "":
		return s.amber.paint(left(" "+clean(m.link.Cause, w), w))
	case m.stats.Degraded != "":
		return s.amber.paint(left(" ◐ "+clean(m.stats.Degraded, w), w))
	}
	return ""
}

func (m model) stripLine() string {
	if advice := m.advice(); advice != "" {
		return advice
	}
	if alert := m.alert(); alert != "" {
		return alert
	}
	s, w, now := m.style, m.layout.w, m.now()
	words := fmt.Sprintf("  %s  10 min  ", rate(float64(m.strip.sum(now, time.Minute))/60))
	state := "following "
	if m.tab == tabStream && !m.list.following {
		state = "paused "
		if m.list.fresh > 0 {
			state = count(m.list.fresh) + " new (G)  paused "
		}
		if head := m.list.head(m.since); m.list.top == 0 && head != "" {
			state = head + "  " + state
		}
	}
	n := max(w-width(words)-width(state)-1, 1)
	bars := m.strip.bars(now, min(n, 120))
	return ends(" "+s.spark(bars)+s.grey.paint(words), s.grey.paint(state), w)
}

// keyLine shows the keys that do something now. Where not all fit, the last
// before help and quit go first.
func (m model) keyLine() string {
	h := help.New()
	h.ShortSeparator = "  "
	h.Styles = m.style.help
	w := m.layout.w - 2
	keys := slices.DeleteFunc(m.ShortHelp(), func(k key.Binding) bool { return !k.Enabled() })
	line := h.ShortHelpView(keys)
	for width(line) > w && len(keys) > 2 {
		keys = slices.Delete(keys, len(keys)-3, len(keys)-2)
		line = h.ShortHelpView(keys)
	}
	return left(" "+line, m.layout.w)
}

func (m model) helpLines() []string {
	h := help.New()
	h.Width = m.layout.w - 2
	h.Styles = m.style.help
	full := h.FullHelpView(newKeys().FullHelp())
	lines := []string{m.style.bold.paint(" keys"), ""}
	for _, l := range strings.Split(full, "\n") {
		lines = append(lines, " "+l)
	}
	return append(lines, "", m.style.grey.paint(" shift and the mouse select text, as without hellox"))
}
