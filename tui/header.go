package tui

import (
	"fmt"
	"strings"
	"time"

	"hellox/history"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// headerLine renders what is watched, how the stream comes here, and totals.
func headerLine(t *theme.Theme, title string, st *status, dropped uint64, w int, now time.Time) string {
	link, totals := st.linkText(t, now), ""
	if st.known {
		totals = fmt.Sprintf("  %s recv%s  %s dropped  ? ", units.Count(st.stats.Received), heldText(&st.stats), units.Count(dropped))
	}
	at := t.Bold.Apply(" hellox")
	const between = " · "
	if title := cells.Cut(title, w-cells.Width(at)-cells.Width(link)-cells.Width(totals)-2*len(" . ")); title != "" {
		at += t.Grey.Apply(between) + title
	}
	at += t.Grey.Apply(between) + link
	return cells.Ends(at, t.Grey.Apply(totals), w)
}

// heldText says how many messages are held and evicted, once some were.
func heldText(st *history.Stats) string {
	if st.Evicted == 0 {
		return ""
	}
	return fmt.Sprintf("  %s held  %s evicted", units.Count(st.Stored-min(st.Evicted, st.Stored)), units.Count(st.Evicted))
}

// tabLine renders the names of the tabs and the selection.
func tabLine(t *theme.Theme, shown tab, sel history.Select, w int) string {
	line := ""
	for i, name := range tabNames {
		if tab(i) == shown {
			line += t.Accent.Apply("›") + t.Bold.Apply(name) + " "
		} else {
			line += " " + t.Grey.Apply(name) + " "
		}
	}
	narrowed := ""
	if sel.Sender != "" {
		narrowed = "only " + cells.Topic(sel.Sender, 24) + "  "
	}
	if len(sel.Topics) > 0 {
		narrowed += "topic: " + cells.Clean(strings.Join(sel.Topics, " "), 24) + "  "
	}
	filter := "filter: (none) "
	if sel.Filter != nil {
		filter = "filter: " + cells.Clean(sel.Filter.String(), max(w-cells.Width(line)-cells.Width(narrowed)-12, 8)) + " "
	}
	return cells.Ends(line, t.Accent.Apply(narrowed)+t.Grey.Apply(filter), w)
}

// tabAt returns the tab whose name is at column x of the tabs' line, else the
// one that is shown.
func tabAt(x int, shown tab) tab {
	for i, name := range tabNames {
		if x -= len(name) + 2; x < 0 {
			return tab(i)
		}
	}
	return shown
}
