package tui

import (
	"fmt"
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/bubbles/key"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/timeline"
	"hellox/tui/units"
)

// The timeline at the foot counts the last ten minutes.
const (
	recentSpan  = 10 * time.Minute
	recentSlots = 600
)

// recentLine renders the timeline of the last ten minutes, the rate, and at the
// end the state of the tab.
func recentLine(t *theme.Theme, recent *timeline.Timeline, state string, w int, now time.Time) string {
	rate := fmt.Sprintf("  %s  10 min  ", units.Rate(float64(recent.Sum(now, time.Minute))/60))
	n := max(w-cells.Width(rate)-cells.Width(state)-1, 1)
	bars := recent.Bars(now, min(n, 120))
	return cells.Ends(" "+t.Spark(bars)+t.Grey.Apply(rate), t.Grey.Apply(state), w)
}

// keyLine renders the keys that do something now, the most useful first. Where
// not all fit, the last before help and quit are left out.
func keyLine(t *theme.Theme, keys []key.Binding, w int) string {
	h := help.New()
	h.ShortSeparator = "  "
	h.Styles = t.Help
	keys = slices.DeleteFunc(keys, func(k key.Binding) bool { return !k.Enabled() })
	line := h.ShortHelpView(keys)
	for cells.Width(line) > w-2 && len(keys) > 2 {
		keys = slices.Delete(keys, len(keys)-3, len(keys)-2)
		line = h.ShortHelpView(keys)
	}
	return cells.Left(" "+line, w)
}
