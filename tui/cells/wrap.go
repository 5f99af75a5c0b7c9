package cells

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Words breaks a safe line into lines of at most w cells, between words where that
// is possible.
func Words(s string, w int) []string {
	if Width(s) <= w || w < 1 {
		return []string{s}
	}
	return strings.Split(ansi.Wrap(s, w, ""), "\n")
}

// Wrap breaks a safe line after each w cells.
func Wrap(s string, w int) []string {
	if Width(s) <= w || w < 1 {
		return []string{s}
	}
	return strings.Split(ansi.Hardwrap(s, w, true), "\n")
}
