package tui

import (
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
)

const (
	noticeTime = 6 * time.Second // how long a notice is shown
	maxNotice  = 500             // its length in cells
)

// A notice is a sentence at the foot about something that has just happened.
type notice struct {
	text   string // safe to show
	failed bool
	until  time.Time // zero until the next tick
	lasts  bool      // until another one takes its place
}

func newNotice(text string) notice { return notice{text: cells.Clean(text, maxNotice)} }

func newErrorNotice(err error) notice {
	return notice{text: cells.Clean(err.Error(), maxNotice), failed: true}
}

// at returns the notice as it is at a time: none once its time is over.
func (n notice) at(now time.Time) notice {
	switch {
	case n.text == "", n.lasts:
	case n.until.IsZero():
		n.until = now.Add(noticeTime)
	case now.After(n.until):
		n = notice{}
	}
	return n
}

// sentence returns the notice as it is shown.
func (n notice) sentence(t *theme.Theme) sentence {
	switch {
	case n.text == "":
		return sentence{}
	case n.failed:
		return sentence{t.Red, "✗ " + n.text}
	}
	return sentence{t.Ink, n.text}
}

// A sentence is said at the foot. Its text is safe to show; "" is none.
type sentence struct {
	style theme.Style
	text  string
}

// maxSentence is how many lines a sentence may take.
const maxSentence = 3

// lines renders the sentence in lines of w cells.
func (s sentence) lines(w int) []string {
	if s.text == "" {
		return nil
	}
	lines := cells.Words(s.text, max(w-2, 1))
	if len(lines) > maxSentence {
		lines = lines[:maxSentence]
		lines[maxSentence-1] = cells.Cut(lines[maxSentence-1]+" …", max(w-2, 1))
	}
	for i, l := range lines {
		lines[i] = s.style.Apply(cells.Left(" "+l, w))
	}
	return lines
}
