package detail

import (
	"fmt"
	"strings"

	"hellox/tui/cells"
)

// hex dumps bytes in lines of at most w cells: offset, bytes, characters.
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
		lines = append(lines, cells.Cut(fmt.Sprintf("%04x  %s%s", at, cells.Left(bytes.String(), 3*n), chars.String()), w))
	}
	return lines
}
