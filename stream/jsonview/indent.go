package jsonview

import (
	"strings"
	"unicode/utf8"
)

// maxIndent is how many levels are indented: a deep value would be nothing but
// space, and its size would grow with the square of its depth.
const maxIndent = 32

// Indent returns payload as indented JSON, with its texts as Text writes them;
// or why it is not JSON.
func Indent(payload []byte) (string, *Problem) {
	if !utf8.Valid(payload) {
		return "", Check(payload)
	}
	rows := NewRows(payload)
	var b strings.Builder
	b.Grow(len(payload) + len(payload)/2)
	for {
		row, ok := rows.Next()
		if !ok {
			return b.String(), rows.Problem()
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		for range min(row.Depth, maxIndent) {
			b.WriteString("  ")
		}
		b.WriteString(row.Text())
	}
}
