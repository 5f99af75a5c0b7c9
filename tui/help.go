package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/help"

	"hellox/tui/theme"
)

// helpLines renders all keys and signs in w cells.
func helpLines(t *theme.Theme, w int) []string {
	h := help.New()
	h.Width = w - 2
	h.Styles = t.Help
	all := newKeys()
	lines := []string{t.Bold.Apply(" keys"), ""}
	for _, l := range strings.Split(h.FullHelpView(all.full()), "\n") {
		lines = append(lines, " "+l)
	}
	lines = append(lines, "", t.Bold.Apply(" signs"), "")
	for _, l := range []string{
		"● on time  ◐ late  ○ silent  ‖ paused  × gone (disconnected cleanly)  ⨯ lost",
		"⋯ missed, dropped   ↶ reordered   ▣ retained   ◌ not connected, or unknown",
		"Δ since the previous message of the same sender; then the latency",
	} {
		lines = append(lines, " "+t.Grey.Apply(l))
	}
	return lines
}
