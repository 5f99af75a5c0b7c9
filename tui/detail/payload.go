package detail

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"hellox/stream/safetext"
	"hellox/tui/cells"
)

// A View is a way to show a payload.
type View int

// The views of a payload.
const (
	JSON View = iota // indented JSON, else as Raw
	Raw              // text, else as Hex
	Hex
	views // how many
)

// Next returns the view after v, and the first one after the last.
func (v View) Next() View { return (v + 1) % views }

// payload returns how a payload is shown, in a word, and its lines of at most w
// cells.
func payload(b []byte, view View, w int) (shownAs string, lines []string) {
	switch {
	case len(b) == 0:
		return "empty", nil
	case view == Hex, !utf8.Valid(b):
		return "hex", hex(b, w)
	case view == JSON && json.Valid(b):
		var indented bytes.Buffer
		if json.Indent(&indented, b, "", "  ") == nil {
			return "json", wrapLines(indented.String(), w)
		}
	}
	return "raw", wrapLines(string(b), w)
}

// wrapLines breaks a text into safe lines of at most w cells.
func wrapLines(s string, w int) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		lines = append(lines, cells.Wrap(safetext.Clean(l), w)...)
	}
	return lines
}
