package cells

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks a safe line after each w cells.
func Wrap(s string, w int) []string {
	if Width(s) <= w || w < 1 {
		return []string{s}
	}
	return strings.Split(ansi.Hardwrap(s, w, true), "\n")
}
