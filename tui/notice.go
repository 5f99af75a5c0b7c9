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
}

func newNotice(text string) notice { return notice{text: cells.Clean(text, maxNotice)} }

func newErrorNotice(err error) notice {
	return notice{text: cells.Clean(err.Error(), maxNotice), failed: true}
}

// at returns the notice as it is at a time: none once its time is over.
func (n notice) at(now time.Time) notice {
	switch {
	case n.text == "":
	case n.until.IsZero():
		n.until = now.Add(noticeTime)
	case now.After(n.until):
		n = notice{}
	}
	return n
}

// view returns a line of w cells, or "" if there is no notice.
func (n notice) view(t *theme.Theme, w int) string {
	switch {
	case n.text == "":
		return ""
	case n.failed:
		return t.Red.Apply(cells.Left(" ✗ "+n.text, w))
	}
	return cells.Left(" "+n.text, w)
}
