package theme

import (
	"github.com/charmbracelet/lipgloss"

	"hellox/tui/cells"
	"hellox/tui/timeline"
)

// The colours of states and quiet text, each for a light and for a dark
// background. All other text is ink, the terminal's own foreground.
var (
	grey   = lipgloss.AdaptiveColor{Light: "#6e7781", Dark: "#8b949e"}
	hair   = lipgloss.AdaptiveColor{Light: "#afb8c1", Dark: "#484f58"}
	accent = lipgloss.AdaptiveColor{Light: "#0969da", Dark: "#58a6ff"}
	green  = lipgloss.AdaptiveColor{Light: "#1a7f37", Dark: "#3fb950"}
	amber  = lipgloss.AdaptiveColor{Light: "#9a6700", Dark: "#d29922"}
	red    = lipgloss.AdaptiveColor{Light: "#cf222e", Dark: "#f85149"}
	marked = lipgloss.AdaptiveColor{Light: "#ddf4ff", Dark: "#1b2a41"} // behind the selection
)

// Styles are the styles on one background.
type Styles struct {
	Ink, Bold, Grey, Hair, Accent, Green, Amber, Red Style
}

func newStyles(s lipgloss.Style) Styles {
	color := func(c lipgloss.AdaptiveColor) Style { return newStyle(s.Foreground(c)) }
	return Styles{
		Ink: newStyle(s), Bold: newStyle(s.Bold(true)),
		Grey: color(grey), Hair: color(hair), Accent: color(accent),
		Green: color(green), Amber: color(amber), Red: color(red),
	}
}

// Fill appends spaces to row up to w cells.
func (s *Styles) Fill(row string, w int) string {
	return row + s.Ink.Apply(cells.Spaces(w-cells.Width(row)))
}

// Spark draws bars; an empty one is a hairline.
func (s *Styles) Spark(bars []uint32) string {
	line, from := timeline.Spark(bars), 0
	painted := ""
	for i := range bars {
		if last := i == len(bars)-1; last || (bars[i] == 0) != (bars[i+1] == 0) {
			style := s.Accent
			if bars[i] == 0 {
				style = s.Hair
			}
			painted += style.Apply(string(line[from : i+1]))
			from = i + 1
		}
	}
	return painted
}
