package theme

import (
	"strings"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/lipgloss"

	"hellox/tui/cells"
	"hellox/tui/timeline"
)

// The colours of states and quiet text, each in its variety for a light and for
// a dark background. What is not here is ink: the terminal's own foreground.
var (
	grey   = lipgloss.AdaptiveColor{Light: "#6e7781", Dark: "#8b949e"}
	hair   = lipgloss.AdaptiveColor{Light: "#afb8c1", Dark: "#484f58"}
	accent = lipgloss.AdaptiveColor{Light: "#0969da", Dark: "#58a6ff"}
	green  = lipgloss.AdaptiveColor{Light: "#1a7f37", Dark: "#3fb950"}
	amber  = lipgloss.AdaptiveColor{Light: "#9a6700", Dark: "#d29922"}
	red    = lipgloss.AdaptiveColor{Light: "#cf222e", Dark: "#f85149"}
	marked = lipgloss.AdaptiveColor{Light: "#ddf4ff", Dark: "#1b2a41"} // behind the selection
)

// reverse shows where the next character goes. It is no colour: NO_COLOR does
// not forbid it.
var Reverse = Style{"\x1b[7m", "\x1b[27m"}

// A pen is a style as the two sequences that begin and end it. Rows are
// painted with pens, thousands a second: a style would be compiled each time.
type Style struct{ On, Off string }

func newStyle(s lipgloss.Style) Style {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return Style{on, off}
}

func (p Style) Apply(s string) string {
	if s == "" {
		return ""
	}
	return p.On + s + p.Off
}

// pens are those of one kind of row.
type Styles struct {
	Ink, Bold, Grey, Hair, Accent, Green, Amber, Red Style
}

// styles are all that paints, for one terminal and its background.
type Theme struct {
	Styles            // on the terminal's own background
	marked     Styles // in the selected row
	bars       [16]Style
	markedBars [16]Style
	Help       help.Styles
}

func New(r *lipgloss.Renderer) *Theme {
	base := r.NewStyle()
	onMarked := base.Background(marked)
	quiet, key := base.Foreground(grey), base.Bold(true)
	return &Theme{
		Styles: newStyles(base), bars: newBars(base),
		marked: newStyles(onMarked), markedBars: newBars(onMarked),
		Help: help.Styles{
			Ellipsis: quiet, ShortKey: key, ShortDesc: quiet, ShortSeparator: quiet,
			FullKey: key, FullDesc: quiet, FullSeparator: quiet,
		},
	}
}

func newStyles(s lipgloss.Style) Styles {
	color := func(c lipgloss.AdaptiveColor) Style { return newStyle(s.Foreground(c)) }
	return Styles{
		Ink: newStyle(s), Bold: newStyle(s.Bold(true)),
		Grey: color(grey), Hair: color(hair), Accent: color(accent),
		Green: color(green), Amber: color(amber), Red: color(red),
	}
}

// on returns the pens of a row.
func (s *Theme) Row(selected bool) *Styles {
	if selected {
		return &s.marked
	}
	return &s.Styles
}

// fill continues a row up to w cells.
func (p *Styles) Fill(row string, w int) string {
	return row + p.Ink.Apply(cells.Spaces(w-cells.Width(row)))
}

// spark draws bars; an empty one is only a hair.
func (p *Styles) Spark(bars []uint32) string {
	line, from := timeline.Spark(bars), 0
	painted := ""
	for i := range bars {
		if last := i == len(bars)-1; last || (bars[i] == 0) != (bars[i+1] == 0) {
			ink := p.Accent
			if bars[i] == 0 {
				ink = p.Hair
			}
			painted += ink.Apply(string(line[from : i+1]))
			from = i + 1
		}
	}
	return painted
}
