package theme

import (
	"github.com/charmbracelet/lipgloss"

	"hellox/stream"
)

// bars are the signs of a sender's colour, before its name: the second one is
// for the second sender of a hue.
var bars = [2]string{"▌", "┃"}

// bar is the sender's colour in one cell. The text stays ink.
func (s *Theme) Bar(sender, declared string, selected bool) string {
	c := stream.ColorOf(sender, declared)
	if selected {
		return s.markedBars[c.Index].Apply(bars[c.Mark])
	}
	return s.bars[c.Index].Apply(bars[c.Mark])
}

// newBars makes a pen for each colour of the palette.
func newBars(base lipgloss.Style) [16]Style {
	var p [16]Style
	for i, c := range stream.Palette() {
		p[i] = newStyle(base.Foreground(lipgloss.AdaptiveColor{Light: c.Light, Dark: c.Dark}))
	}
	return p
}
