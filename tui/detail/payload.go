package detail

import (
	"strings"
	"unicode/utf8"

	"hellox/stream/jsonview"
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
// cells. cut says that b is only the beginning of it.
func payload(b []byte, cut bool, view View, w int) (shownAs string, lines []string) {
	if len(b) == 0 {
		return "empty", nil
	}
	if view == JSON {
		if indented, problem := jsonview.Indent(b); problem == nil {
			return "json", wrapLines(indented, w)
		}
	}
	if !cut && jsonview.LooksLikeJSON(b) {
		if problem := jsonview.Check(b); problem != nil {
			lines = append(wrapLines("not JSON: "+problem.String(), w), "")
		}
	}
	if view == Hex || !utf8.Valid(b) {
		return "hex", append(lines, hex(b, w)...)
	}
	return "raw", append(lines, wrapLines(string(b), w)...)
}

// wrapLines breaks a text into safe lines of at most w cells.
func wrapLines(s string, w int) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		lines = append(lines, cells.Wrap(safetext.Clean(l), w)...)
	}
	return lines
}
