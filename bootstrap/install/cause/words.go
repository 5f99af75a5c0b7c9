package cause

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLine is two lines of a terminal of 80 columns.
const maxLine = 160

// room returns how long the text of a cause of that pod may be, with what a step's line
// has before and after it.
func room(pod string) int { return maxLine - len(" * roll-out: roll out :   123.4 s") - len(pod) }

// fit shortens a text that has become too long, at a word. What it was is evidence.
func (c *Cause) fit() {
	limit := room(c.Pod)
	if utf8.RuneCountInString(c.Text) <= limit {
		return
	}
	if len(c.Evidence) == 0 {
		c.Evidence = []string{c.Text}
	}
	c.Text = Shorten(c.Text, limit)
}

// Shorten cuts a text that has more than limit characters, at a word.
func Shorten(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	text = string([]rune(text)[:limit-1])
	if at := strings.LastIndexByte(text, ' '); at > limit/2 {
		text = text[:at]
	}
	return strings.TrimRight(text, " ,:;(") + "…"
}

// Join joins the parts that are neither empty nor repeated with ": ", on one line.
func Join(parts ...string) string {
	var unique []string
	for _, p := range parts {
		p = strings.Join(strings.Fields(p), " ")
		if p != "" && !slices.Contains(unique, p) {
			unique = append(unique, p)
		}
	}
	return strings.Join(unique, ": ")
}

// lastPart returns what follows the last ": ", where runtimes put the cause.
// (containerd ends with the class of the error, mostly "unknown".)
func lastPart(message string) string {
	message = strings.TrimSuffix(strings.TrimSpace(message), ": unknown")
	return strings.TrimSpace(message[strings.LastIndex(message, ": ")+1:])
}

// after returns what follows the last mark in text, or text.
func after(text, mark string) string {
	if i := strings.LastIndex(text, mark); i >= 0 {
		return text[i+len(mark):]
	}
	return text
}
