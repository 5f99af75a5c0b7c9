package tui

import (
	"strings"

	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/lipgloss"
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
var reverse = pen{"\x1b[7m", "\x1b[27m"}

// A pen is a style as the two sequences that begin and end it. Rows are
// painted with pens, thousands a second: a style would be compiled each time.
type pen struct{ on, off string }

func newPen(s lipgloss.Style) pen {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return pen{on, off}
}

func (p pen) paint(s string) string {
	if s == "" {
		return ""
	}
	return p.on + s + p.off
}

// pens are those of one kind of row.
type pens struct {
	ink, bold, grey, hair, accent, green, amber, red pen
}

// styles are all that paints, for one terminal and its background.
type styles struct {
	pens            // on the terminal's own background
	marked     pens // in the selected row
	bars       [16]pen
	markedBars [16]pen
	help       help.Styles
}

func newStyles(r *lipgloss.Renderer) *styles {
	base := r.NewStyle()
	onMarked := base.Background(marked)
	quiet, key := base.Foreground(grey), base.Bold(true)
	return &styles{
		pens: newPens(base), bars: newBars(base),
		marked: newPens(onMarked), markedBars: newBars(onMarked),
		help: help.Styles{
			Ellipsis: quiet, ShortKey: key, ShortDesc: quiet, ShortSeparator: quiet,
			FullKey: key, FullDesc: quiet, FullSeparator: quiet,
		},
	}
}

func newPens(s lipgloss.Style) pens {
	color := func(c lipgloss.AdaptiveColor) pen { return newPen(s.Foreground(c)) }
	return pens{
		ink: newPen(s), bold: newPen(s.Bold(true)),
		grey: color(grey), hair: color(hair), accent: color(accent),
		green: color(green), amber: color(amber), red: color(red),
	}
}

// on returns the pens of a row.
func (s *styles) on(selected bool) *pens {
	if selected {
		return &s.marked
	}
	return &s.pens
}

// fill continues a row up to w cells.
func (p *pens) fill(row string, w int) string { return row + p.ink.paint(spaces(w-width(row))) }

// spark draws bars; an empty one is only a hair.
func (p *pens) spark(bars []uint32) string {
	line, from := spark(bars), 0
	painted := ""
	for i := range bars {
		if last := i == len(bars)-1; last || (bars[i] == 0) != (bars[i+1] == 0) {
			ink := p.accent
			if bars[i] == 0 {
				ink = p.hair
			}
			painted += ink.paint(string(line[from : i+1]))
			from = i + 1
		}
	}
	return painted
}
