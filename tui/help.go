package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/help"

	"hellox/tui/cells"
	"hellox/tui/theme"
)

// signs explains what is shown without a word.
var signs = []string{
	"● on time", "◐ late", "○ silent", "‖ paused", "× gone (disconnected cleanly)", "⨯ lost",
	"◌ not connected, or unknown", "⋯ missed, dropped", "↶ reordered", "▣ retained",
	"Δ since the previous message of the same sender", "last: the latency",
}

// helpLines renders all keys and signs in w cells: in one column where three do
// not fit.
func helpLines(t *theme.Theme, w int) []string {
	const roomForAll = 108
	all := newKeys()
	columns := all.full()
	lines := []string{t.Bold.Apply(" keys"), ""}
	if w >= roomForAll {
		h := help.New()
		h.Styles = t.Help
		for _, l := range strings.Split(h.FullHelpView(columns), "\n") {
			lines = append(lines, " "+l)
		}
	} else {
		for _, column := range columns {
			for _, k := range column {
				lines = append(lines, " "+t.Help.FullKey.Render(cells.Left(k.Help().Key, 10))+" "+t.Grey.Apply(k.Help().Desc))
			}
		}
	}
	lines = append(lines, "", t.Bold.Apply(" signs"), "")
	for _, s := range signs {
		for _, l := range cells.Wrap(s, max(w-2, 1)) {
			lines = append(lines, " "+t.Grey.Apply(l))
		}
	}
	return lines
}
