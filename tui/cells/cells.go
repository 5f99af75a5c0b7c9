package cells

import "github.com/charmbracelet/x/ansi"

// A terminal counts cells: a letter of most scripts takes one, an ideograph
// two, a combining mark none. All widths here are of cells, by grapheme.

// width counts the cells of s, which may carry colours.
func Width(s string) int {
	if plain(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

// plain tells whether each byte of s is one cell.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
