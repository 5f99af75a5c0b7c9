package theme

import (
	"github.com/charmbracelet/lipgloss"

	"hellox/stream"
)

// bars are the signs of a sender's colour, before its name: the second one is
// for the second sender of a hue.
var bars = [2]string{"▌", "┃"}

// Bar returns one cell in the colour of a sender, as the row is selected or
// not. The text beside it stays in the terminal's foreground.
func (t *Theme) Bar(sender, declared string, selected bool) string {
	c := stream.ColorOf(sender, declared)
	if selected {
		return t.markedBars[c.Index].Apply(bars[c.Mark])
	}
	return t.bars[c.Index].Apply(bars[c.Mark])
}

// newBars returns a style for each colour of the palette.
func newBars(base lipgloss.Style) [16]Style {
	var styles [16]Style
	for i, c := range stream.Palette() {
		styles[i] = newStyle(base.Foreground(lipgloss.AdaptiveColor{Light: c.Light, Dark: c.Dark}))
	}
	return styles
}
