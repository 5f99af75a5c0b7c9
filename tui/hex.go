package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// hex sets bytes out in lines of at most w cells: offset, bytes, characters.
func hex(b []byte, w int) []string {
	n := 16
	for n > 4 && 6+4*n > w {
		n -= 4
	}
	var lines []string
	for at := 0; at < len(b); at += n {
		part := b[at:min(at+n, len(b))]
		var bytes, chars strings.Builder
		for _, c := range part {
			fmt.Fprintf(&bytes, "%02x ", c)
			if c < 0x20 || c >= 0x7f {
				c = '.'
			}
			chars.WriteByte(c)
		}
		lines = append(lines, cut(fmt.Sprintf("%04x  %s%s", at, left(bytes.String(), 3*n), chars.String()), w))
	}
	return lines
}

// wrap breaks a clean line after w cells.
func wrap(s string, w int) []string {
	if width(s) <= w || w < 1 {
		return []string{s}
	}
	return strings.Split(ansi.Hardwrap(s, w, true), "\n")
}
