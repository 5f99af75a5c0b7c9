package tui

import (
	"fmt"
	"strings"
	"time"

	"hellox/stream"
)

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
