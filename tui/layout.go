package tui

// layout divides the screen. All numbers are cells; 0 leaves a part out.
type layout struct {
	w, h    int
	bare    bool // so small that the list stands alone
	body    int  // lines between the tabs and the foot
	senders int  // width of the panel at the left
	main    int  // width of what the tab shows
	detail  int  // width of the pane at the right
}

// From these sizes on there is more beside the list, or less around it.
const (
	detailFrom  = 120
	sendersFrom = 160
	bareBelowW  = 60
	bareBelowH  = 15
)

// layoutFor divides w by h cells, of which a form at the foot takes some lines.
func layoutFor(w, h, form int) layout {
	l := layout{w: w, h: h, body: h, main: w}
	if w < bareBelowW || h < bareBelowH {
		l.bare = true
		l.body = max(h-form, 1)
		return l
	}
	l.body = max(h-4-form, 1)
	if w >= detailFrom {
		l.detail = clamp(w/4, 42, 60)
		l.main -= l.detail + 1
	}
	if w >= sendersFrom {
		l.senders = 36
		l.main -= l.senders + 1
	}
	return l
}

// showsPanel reports whether the senders are beside the tab t.
func (l layout) showsPanel(t tab) bool { return l.senders > 0 && t != tabSenders }

// showsDetail reports whether a message is beside the tab t.
func (l layout) showsDetail(t tab) bool { return l.detail > 0 && t != tabSenders }

// lineAt returns the line of the tab t that is at column x and row y of the
// screen, and whether there is one.
func (l layout) lineAt(x, y int, t tab) (line int, ok bool) {
	if l.bare {
		return y, y < l.body
	}
	left := 0
	if l.showsPanel(t) {
		left = l.senders + 1
	}
	return y - 2, y > 1 && y-2 < l.body && x >= left && x < left+l.main
}
