package tui

import (
	"fmt"
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/units"
)

func (m model) header() string {
	s := m.style
	link, totals := m.linkWords(), ""
	if m.told {
		totals = fmt.Sprintf("  %s recv  %s dropped  ? ", units.Count(m.stats.Received), units.Count(m.list.dropped))
	}
	at := s.Bold.Apply(" hellox")
	const between = " · "
	if title := cells.Cut(m.title, m.layout.w-cells.Width(at)-cells.Width(link)-cells.Width(totals)-2*len(" . ")); title != "" {
		at += s.Grey.Apply(between) + title
	}
	at += s.Grey.Apply(between) + link
	return ends(at, s.Grey.Apply(totals), m.layout.w)
}

// linkWords tell how the stream comes here: our own connection first, and the
// receiver's to the broker if that one is not well.
func (m model) linkWords() string {
	s := m.style
	switch {
	case m.ended != nil:
		return s.Red.Apply("⨯ ended")
	case m.link != nil && m.link.State != stream.Connected:
		return m.linkState(*m.link)
	case !m.told:
		return s.Grey.Apply("◌ connecting")
	case m.stats.Link.State != "" && m.stats.Link.State != stream.Connected:
		if m.link == nil {
			return m.linkState(m.stats.Link)
		}
		return s.Green.Apply("●") + " connected, broker " + m.linkState(m.stats.Link)
	}
	return s.Green.Apply("●") + " connected"
}

func (m model) linkState(l stream.Link) string {
	s := m.style
	switch l.State {
	case stream.Connected:
		return s.Green.Apply("●") + " connected"
	case stream.Retrying:
		in := l.Retry.Sub(m.now())
		if in < time.Second {
			return s.Grey.Apply("◌ retrying")
		}
		return s.Grey.Apply("◌ retry in " + units.Elapsed(in+time.Second/2))
	case stream.Ended:
		return s.Red.Apply("⨯ ended")
	}
	return s.Grey.Apply("◌ connecting")
}

func (m model) tabLine() string {
	s := m.style
	if m.mode == modeFilter {
		return m.filter.view(s, m.layout.w)
	}
	line := ""
	for i, name := range tabNames {
		if tab(i) == m.tab {
			line += s.Accent.Apply("›") + s.Bold.Apply(name) + " "
		} else {
			line += " " + s.Grey.Apply(name) + " "
		}
	}
	narrowed := ""
	if m.sel.Sender != "" {
		narrowed = "only " + cells.Clean(m.sel.Sender, 24) + "  "
	}
	if len(m.sel.Topics) > 0 {
		narrowed += "topic: " + cells.Clean(strings.Join(m.sel.Topics, " "), 24) + "  "
	}
	words := "filter: (none) "
	if m.sel.Filter != nil {
		words = "filter: " + cells.Clean(m.sel.Filter.String(), max(m.layout.w-cells.Width(line)-cells.Width(narrowed)-12, 8)) + " "
	}
	return ends(line, s.Accent.Apply(narrowed)+s.Grey.Apply(words), m.layout.w)
}
