package tui

import (
	"time"

	"hellox/tui/cells"
)

// A notice stays so long at the foot, and has at most so many cells.
const (
	noticeFor  = 6 * time.Second
	noticeMost = 500
)

// A notice is a sentence at the foot about something that has just happened.
type notice struct {
	text   string // clean
	failed bool
	until  time.Time // zero: from the next tick on
}

func (n notice) say(text string) notice { return notice{text: cells.Clean(text, noticeMost)} }

func (n notice) fail(err error) notice {
	return notice{text: cells.Clean(err.Error(), noticeMost), failed: true}
}

// at lets a notice go whose time is over.
func (n notice) at(now time.Time) notice {
	switch {
	case n.text == "":
	case n.until.IsZero():
		n.until = now.Add(noticeFor)
	case now.After(n.until):
		n = notice{}
	}
	return n
}
