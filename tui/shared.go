package tui

import (
	"io"
	"time"

	"hellox/history"
	"hellox/tui/source"
	"hellox/tui/theme"
)

// shared holds what all sub-models read. Only the root model changes it.
type shared struct {
	src   *source.Source
	theme *theme.Theme
	out   io.Writer // the terminal
	tmux  bool      // out is one that tmux shows
	page  string    // the address of the page that shows the same stream; "": there is none

	editor *source.Editor // of payloads; nil: there is none
	keys   keys           // those that do something now are enabled
	now    func() time.Time
	since  time.Time      // no message received before it is shown; zero: no bound
	sel    history.Select // what is shown
	gen    int            // rises with each new selection; replies to an older one are ignored
}
