package tui

import (
	"strings"
	"time"

	"hellox/history"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A ledger are the totals in the header.
type ledger struct {
	stats   *history.Stats
	known   bool
	dropped uint64 // not delivered by the store
	shown   uint64 // of the selection; counted if it is not everything
	counted bool
	partly  bool // there are more
}

// text renders the totals: count formats a number, and stored is left out where
// it only repeats received.
func (l *ledger) text(count func(uint64) string, brief bool) string {
	if !l.known {
		return ""
	}
	st, parts := l.stats, []string{}
	add := func(name string, n uint64) { parts = append(parts, name+" "+count(n)) }
	add("recv", st.Received)
	if !brief || st.Stored != st.Received {
		add("stored", st.Stored)
	}
	add("held", st.Stored-min(st.Evicted, st.Stored))
	add("evicted", st.Evicted)
	if l.dropped > 0 {
		add("dropped", l.dropped)
	}
	if l.counted {
		add("shown", l.shown)
		if l.partly {
			parts[len(parts)-1] += "+"
		}
	}
	return strings.Join(parts, "  ")
}

// headerLine renders what is watched, how the stream comes here, and totals. As w
// shrinks the title is cut, numbers are rounded, and words left out, also that for a
// connection that is well: its sign and the totals are the last to go.
func headerLine(t *theme.Theme, title string, st *status, l ledger, w int, now time.Time) string {
	const between, name = " · ", " hellox"
	link := st.linkText(t, now)
	sign, short := cells.First(link, 1), link
	if st.well() {
		short = sign
	}
	if rec := st.recordingText(t); rec != "" {
		link += t.Grey.Apply(between) + rec
		short += t.Grey.Apply(between) + rec
	}
	for _, step := range []struct {
		count func(uint64) string
		brief bool
		title int // at least so many cells of it; 0: none
		name  bool
		link  string
	}{
		{units.Count, false, 32, true, link},
		{units.Count, false, 12, true, short},
		{units.Short, false, 12, true, short},
		{units.Short, true, 12, true, short},
		{units.Short, true, 0, true, short},
		{units.Short, true, 0, false, short},
		{units.Short, true, 0, false, sign},
	} {
		totals := " " + l.text(step.count, step.brief) + " "
		room := w - cells.Width(totals) - 1
		at := " " + step.link
		if step.name {
			at = t.Bold.Apply(name) + t.Grey.Apply(between) + step.link
		}
		if step.title > 0 {
			room := room - cells.Width(at) - len(" . ")
			if room < min(cells.Width(title), step.title) {
				continue
			}
			at = t.Bold.Apply(name) + t.Grey.Apply(between) + cells.Cut(title, room) + t.Grey.Apply(between) + step.link
		}
		if cells.Width(at) <= room {
			return cells.Ends(at, t.Grey.Apply(totals), w)
		}
	}
	return cells.Left(" "+sign+" "+t.Grey.Apply(l.text(units.Short, true)), w)
}

// tabTexts returns the names of the tabs with their keys; where there is little
// room only the one that is shown has a name.
func tabTexts(shown tab, w int) []string {
	const roomForAll = 50
	texts := make([]string, tabs)
	for i, name := range tabNames {
		texts[i] = " " + string(rune('1'+i))
		if w >= roomForAll || tab(i) == shown {
			texts[i] += " " + name
		}
		texts[i] += " "
	}
	return texts
}

// tabLine renders the names of the tabs and the selection.
func tabLine(t *theme.Theme, shown tab, sel history.Select, w int) string {
	line := ""
	for i, text := range tabTexts(shown, w) {
		if tab(i) == shown {
			line += t.Accent.Apply("›") + t.Bold.Apply(text[1:])
		} else {
			line += t.Grey.Apply(text)
		}
	}
	narrowed := ""
	if sel.Sender != "" {
		narrowed = "only " + cells.Name(sel.Sender, 24) + "  "
	}
	if len(sel.Topics) > 0 {
		narrowed += "topic: " + cells.Clean(strings.Join(sel.Topics, " "), 24) + "  "
	}
	room := max(w-cells.Width(line)-cells.Width(narrowed)-12, 8)
	filter := ""
	switch {
	case sel.Filter != nil:
		filter = "filter: " + cells.Clean(sel.Filter.String(), room) + " "
	case room > 16:
		filter = "filter: (none) "
	}
	return cells.Ends(line, t.Accent.Apply(narrowed)+t.Grey.Apply(filter), w)
}

// tabAt returns the tab whose name is at column x of the tabs' line, else the
// one that is shown.
func tabAt(x int, shown tab, w int) tab {
	for i, text := range tabTexts(shown, w) {
		if x -= len(text); x < 0 {
			return tab(i)
		}
	}
	return shown
}
