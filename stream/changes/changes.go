package changes

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/dustin/go-humanize"

	"hellox/stream/safetext"
)

// Bounds of what is told.
const (
	maxLines = 1000
	maxValue = 200     // characters
	maxJSON  = 1 << 20 // bytes of a payload that is compared value by value
)

// A Change is one difference, on one line.
type Change struct {
	Sign Sign
	Text string // safe to show
}

// A Sign says what a Change is.
type Sign string

// The signs of changes.
const (
	Added   Sign = "+"
	Removed Sign = "−"
	Changed Sign = "~"
	Same    Sign = "="
	More    Sign = "…" // changes that are not listed
)

// Between returns the differences between two payloads, and one that says so if
// there are none.
func Between(before, now []byte) []Change {
	switch {
	case bytes.Equal(before, now):
		return []Change{{Same, "the same payload"}}
	case !utf8.Valid(before) || !utf8.Valid(now):
		return []Change{{Changed, humanize.IBytes(uint64(len(before))) + " → " + humanize.IBytes(uint64(len(now)))}}
	}
	if a, b := parse(before), parse(now); a != nil && b != nil {
		return ofJSON(a, b)
	}
	return ofText([]rune(string(before)), []rune(string(now)))
}

// ofText compares two texts: what stands between their common beginning and end.
func ofText(s, t []rune) []Change {
	start := commonStart(s, t)
	end := 0
	for end < len(s)-start && end < len(t)-start && s[len(s)-1-end] == t[len(t)-1-end] {
		end++
	}
	text := func(r []rune) string {
		return fmt.Sprintf(`at %d: "%s"`, start+1, safetext.Clean(cut(r)))
	}
	var all []Change
	if gone := s[start : len(s)-end]; len(gone) > 0 {
		all = append(all, Change{Removed, text(gone)})
	}
	if came := t[start : len(t)-end]; len(came) > 0 {
		all = append(all, Change{Added, text(came)})
	}
	return all
}

// commonStart returns the length of what both begin with.
func commonStart(s, t []rune) int {
	n := 0
	for n < len(s) && n < len(t) && s[n] == t[n] {
		n++
	}
	return n
}

// cut returns the beginning of a value that is long.
func cut(r []rune) string {
	if len(r) > maxValue {
		return string(r[:maxValue]) + "…"
	}
	return string(r)
}

// pair writes two values; of long ones, what is around the first difference.
func pair(a, b string) string {
	s, t := []rune(a), []rune(b)
	if len(s) <= maxValue && len(t) <= maxValue {
		return a + " → " + b
	}
	from := max(0, commonStart(s, t)-maxValue/4)
	part := func(r []rune) string {
		shown := cut(r[from:])
		if from > 0 {
			shown = "…" + shown
		}
		return shown
	}
	return part(s) + " → " + part(t)
}

// more says how many changes are not listed.
func more(n int) Change { return Change{More, strconv.Itoa(n) + " more"} }
