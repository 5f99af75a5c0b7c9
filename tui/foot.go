package tui

import (
	"math"
	"slices"
	"time"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/bubbles/key"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// The timeline at the foot counts the last ten minutes.
const (
	recentSpan  = 10 * time.Minute
	recentSlots = 600
)

// What stands beside the timeline keeps its width, so that nothing moves but the
// bars.
const (
	stateWidth = 25 // 1 234 567 new (G)  paused
	rateWidth  = 11
	maxBars    = 120
)

// bars returns the number of bars in the timeline of a foot of w cells.
func bars(w int) int {
	return clamp(w-1-rateWidth-len("  10 min  ")-stateWidth, 0, maxBars)
}

// recentText renders the timeline of the last ten minutes, and the rate. The bar of
// the reader's place is marked; what is not counted is dotted.
func recentText(t *theme.Theme, s *status, place time.Time, w int, now time.Time) string {
	text := ""
	if n := bars(w); n > 0 {
		counts := s.recent.Bars(now, n)
		mark := -1
		if !place.IsZero() {
			mark = s.recent.Bar(now, n, place)
		}
		for i, c := range counts { // a burst must not flatten all else
			counts[i] = uint32(math.Log2(float64(c)+1) * 64)
		}
		unknown := s.recent.Bar(now, n, s.since)
		text = " " + t.Hair.Apply(cells.Repeat("·", unknown)) + t.SparkAt(counts[unknown:], mark-unknown)
	}
	rate := cells.Right(units.RateIn(s.rate(now), s.minute), rateWidth)
	if w >= stateWidth+rateWidth+len("  10 min  ") {
		rate += "  10 min"
	}
	return text + t.Grey.Apply(rate)
}

// keyLine renders the keys that do something now, the most useful first. Where
// not all fit, the last before those that lead away are left out: as many stay at the
// end as last says.
func keyLine(t *theme.Theme, keys []key.Binding, last, w int) string {
	h := help.New()
	h.ShortSeparator = "  "
	h.Styles = t.Help
	keys = slices.DeleteFunc(keys, func(k key.Binding) bool { return !k.Enabled() })
	line := h.ShortHelpView(keys)
	for cells.Width(line) > w-2 && len(keys) > last {
		keys = slices.Delete(keys, len(keys)-last-1, len(keys)-last)
		line = h.ShortHelpView(keys)
	}
	return cells.Left(" "+line, w)
}
