package theme

import (
	"github.com/charmbracelet/lipgloss"

	"hellox/tui/cells"
	"hellox/tui/timeline"
)

// The colours of states and quiet text, each for a light and for a dark
// background. Each is given for terminals with fewer colours too: the nearest one
// need not be readable. All other text is ink, the terminal's own foreground.
var (
	grey   = both("#6e7781", "242", "8", "#8b949e", "245", "8")
	hair   = both("#afb8c1", "250", "7", "#484f58", "240", "8")
	accent = both("#0969da", "26", "4", "#58a6ff", "75", "12")
	green  = both("#1a7f37", "28", "2", "#3fb950", "71", "10")
	amber  = both("#9a6700", "94", "3", "#d29922", "178", "11")
	red    = both("#cf222e", "160", "1", "#f85149", "203", "9")
)

// The selection has a foreground of its own on its background: what the terminal
// has for one is not known, nor always on which background. With 16 colours or
// none it is reversed instead.
var (
	marked = both("#ddf4ff", "254", "", "#1b2a41", "236", "")
	ink    = both("#1f2328", "235", "", "#e6edf3", "254", "")
)

// both returns a colour in RGB, of 256 and of 16, for each background.
func both(light, light256, light16, dark, dark256, dark16 string) lipgloss.CompleteAdaptiveColor {
	return lipgloss.CompleteAdaptiveColor{
		Light: lipgloss.CompleteColor{TrueColor: light, ANSI256: light256, ANSI: light16},
		Dark:  lipgloss.CompleteColor{TrueColor: dark, ANSI256: dark256, ANSI: dark16},
	}
}

// Styles are the styles on one background.
type Styles struct {
	Ink, Bold, Grey, Hair, Accent, Green, Amber, Red Style
	row                                              Style // around a whole row
}

// reversed are the styles of a row that is reversed as a whole.
var reversed = Styles{row: Reverse}

func newStyles(s lipgloss.Style) Styles {
	color := func(c lipgloss.CompleteAdaptiveColor) Style { return newStyle(s.Foreground(c)) }
	return Styles{
		Ink: newStyle(s), Bold: newStyle(s.Bold(true)),
		Grey: color(grey), Hair: color(hair), Accent: color(accent),
		Green: color(green), Amber: color(amber), Red: color(red),
	}
}

// Fill appends spaces to row up to w cells.
func (s *Styles) Fill(row string, w int) string {
	return s.row.Apply(row + s.Ink.Apply(cells.Spaces(w-cells.Width(row))))
}

// SparkAt is Spark with one bar marked, if there is one at that index.
func (s *Styles) SparkAt(bars []uint32, at int) string {
	if at < 0 || at >= len(bars) {
		return s.Spark(bars)
	}
	line := timeline.Spark(bars)
	return s.Accent.Apply(string(line[:at])) + Reverse.Apply(s.Accent.Apply(string(line[at]))) + s.Accent.Apply(string(line[at+1:]))
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
