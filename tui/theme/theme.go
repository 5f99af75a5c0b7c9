package theme

import (
	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"
)

// A Theme holds all styles for one terminal and its background.
type Theme struct {
	Styles            // on the terminal's own background
	marked     Styles // in the selected row
	bars       [16]Style
	markedBars [16]Style
	Help       help.Styles
}

// New returns the theme for the terminal that r writes to.
func New(r *lipgloss.Renderer) *Theme {
	base := r.NewStyle()
	quiet, key := base.Foreground(grey), base.Bold(true)
	t := &Theme{Styles: newStyles(base), bars: newBars(base), marked: reversed}
	switch r.ColorProfile() {
	case termenv.TrueColor, termenv.ANSI256:
		onMarked := base.Background(marked).Foreground(ink)
		t.marked, t.markedBars = newStyles(onMarked), newBars(onMarked)
	case termenv.Ascii:
		key, t.Bold = base.Transform(bold.Apply), bold
	}
	t.Help = help.Styles{
		Ellipsis: quiet, ShortKey: key, ShortDesc: quiet, ShortSeparator: quiet,
		FullKey: key, FullDesc: quiet, FullSeparator: quiet,
	}
	return t
}

// Row returns the styles of a row, as it is selected or not.
func (t *Theme) Row(selected bool) *Styles {
	if selected {
		return &t.marked
	}
	return &t.Styles
}
