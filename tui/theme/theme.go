package theme

import (
	"github.com/charmbracelet/bubbles/help"
	"github.com/charmbracelet/lipgloss"
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

// Row returns the styles of a row, as it is selected or not.
func (t *Theme) Row(selected bool) *Styles {
	if selected {
		return &t.marked
	}
	return &t.Styles
}
