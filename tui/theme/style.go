package theme

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// Reverse swaps foreground and background. It shows the place of the next
// character. It is no colour, so NO_COLOR does not forbid it.
var Reverse = Style{"\x1b[7m", "\x1b[27m"}

// bold is bold where there are no colours: it is none either.
var bold = Style{"\x1b[1m", "\x1b[22m"}

// A Style is the pair of sequences that begin and end it. Applying a
// lipgloss.Style would compile it each time, thousands of times a second.
type Style struct{ On, Off string }

func newStyle(s lipgloss.Style) Style {
	on, off, _ := strings.Cut(s.Render("x"), "x")
	return Style{on, off}
}

// Apply returns text in the style.
func (s Style) Apply(text string) string {
	if text == "" {
		return ""
	}
	return s.On + text + s.Off
}
