package detail

import (
	"fmt"
	"strings"

	"hellox/tui/cells"
)

// hexLine dumps the beginning of b, which is not empty, in a line of at most w
// cells: its offset at, bytes, characters. It returns how many bytes it took.
func hexLine(b []byte, at, w int) (line string, n int) {
	n = 16
	for n > 4 && 6+4*n > w {
		n -= 4
	}
	part := b[:min(n, len(b))]
	var bytes, chars strings.Builder
	for _, c := range part {
		fmt.Fprintf(&bytes, "%02x ", c)
		if c < 0x20 || c >= 0x7f {
			c = '.'
		}
		chars.WriteByte(c)
	}
	return cells.Cut(fmt.Sprintf("%04x  %s%s", at, cells.Left(bytes.String(), 3*n), chars.String()), w), len(part)
}
