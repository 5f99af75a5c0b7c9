package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/bubbles/key"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/units"
)

// The strip at the foot counts the last ten minutes.
const (
	stripSpan  = 10 * time.Minute
	stripSlots = 600
)

// alert is what must be said before anything else at the foot; "" if nothing.
func (m model) alert() string {
	s, w := m.style, m.layout.w
	switch {
	case m.notice.text != "" && m.notice.failed:
		return s.Red.Apply(cells.Left(" ✗ "+m.notice.text, w))
	case m.notice.text != "":
		return cells.Left(" "+m.notice.text, w)
	case m.ended != nil:
		return s.Red.Apply(cells.Left(" ✗ "+cells.Clean(m.ended.Error(), w), w))
	case m.link != nil && m.link.State != stream.Connected && m.link.Cause != "":
		return s.Amber.Apply(cells.Left(" "+cells.Clean(m.link.Cause, w), w))
	case m.stats.Degraded != "":
		return s.Amber.Apply(cells.Left(" ◐ "+cells.Clean(m.stats.Degraded, w), w))
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
	words := fmt.Sprintf("  %s  10 min  ", units.Rate(float64(m.strip.Sum(now, time.Minute))/60))
	state := "following "
	if l := &m.list; m.tab == tabStream && l.following && l.loading && len(l.entries) > 0 && len(l.entries) < l.height {
		state = "searching before #" + units.Count(uint64(l.older)) + " "
	}
	if m.tab == tabTopics && m.tree.over > 0 {
		state = units.Count(m.tree.over) + " of further topics not shown "
	}
	if m.tab == tabStream && !m.list.following {
		state = "paused "
		if m.list.fresh > 0 {
			state = units.Count(m.list.fresh) + " new (G)  paused "
		}
		if head := m.list.head(m.since); m.list.top == 0 && head != "" {
			state = head + "  " + state
		}
	}
	n := max(w-cells.Width(words)-cells.Width(state)-1, 1)
	bars := m.strip.Bars(now, min(n, 120))
	return ends(" "+s.Spark(bars)+s.Grey.Apply(words), s.Grey.Apply(state), w)
}

// keyLine shows the keys that do something now. Where not all fit, the last
// before help and quit go first.
func (m model) keyLine() string {
	h := help.New()
	h.ShortSeparator = "  "
	h.Styles = m.style.Help
	w := m.layout.w - 2
	keys := slices.DeleteFunc(m.ShortHelp(), func(k key.Binding) bool { return !k.Enabled() })
	line := h.ShortHelpView(keys)
	for cells.Width(line) > w && len(keys) > 2 {
		keys = slices.Delete(keys, len(keys)-3, len(keys)-2)
		line = h.ShortHelpView(keys)
	}
	return cells.Left(" "+line, m.layout.w)
}

func (m model) helpLines() []string {
	h := help.New()
	h.Width = m.layout.w - 2
	h.Styles = m.style.Help
	full := h.FullHelpView(newKeys().FullHelp())
	lines := []string{m.style.Bold.Apply(" keys"), ""}
	for _, l := range strings.Split(full, "\n") {
		lines = append(lines, " "+l)
	}
	lines = append(lines, "", m.style.Bold.Apply(" signs"), "")
	for _, l := range []string{
		"● on time   ◐ late   ○ silent   × gone (said goodbye)   ⨯ lost",
		"⋯ missed, dropped   ↶ reordered   ▣ retained   ◌ not connected",
		"Δ since the one before of the same sender; then how long it travelled",
	} {
		lines = append(lines, " "+m.style.Grey.Apply(l))
	}
	return lines
}
