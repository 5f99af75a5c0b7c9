package tui

// layout divides the screen. All numbers are cells; 0 leaves a part out.
type layout struct {
	w, h    int
	header  bool // the first line
	tabs    bool // the line of the tabs below it
	foot    bool // the line below the body, and below that the keys
	keys    bool
	body    int // lines between the tabs and the foot
	senders int // width of the panel at the left
	main    int // width of what the tab shows
	detail  int // width of the pane at the right
}

// A line around the body is shown from these heights of the screen on: the one
// that says whether the list is paused is the last to go.
const (
	footFrom   = 3
	headerFrom = 6
	tabsFrom   = 8
	keysFrom   = 10
)

// From these widths on there is more beside the list, unless the user has made it
// otherwise.
const (
	detailFrom  = 120
	sendersFrom = 160
	minPane     = 20 // below it a pane is left out
	minMain     = 40
)

// panes are the widths that the user has given to the panes beside the list; 0:
// none was given, and less: the pane is closed.
type panes struct{ senders, detail int }

// layoutFor divides w by h cells, of which a form at the foot takes some lines.
func layoutFor(w, h, form int, p panes) layout {
	l := layout{w: w, h: h, main: w, foot: h >= footFrom, header: h >= headerFrom, tabs: h >= tabsFrom, keys: h >= keysFrom}
	l.body = h - form
	for _, there := range []bool{l.foot, l.header, l.tabs, l.keys} {
		if there {
			l.body--
		}
	}
	l.body = max(l.body, 1)
	if w >= detailFrom {
		l.detail = paneWidth(clamp(w/4, 42, 60), p.detail, l.main)
		l.main -= taken(l.detail)
	}
	if w >= sendersFrom {
		l.senders = paneWidth(clamp(w*9/40, 36, 52), p.senders, l.main)
		l.main -= taken(l.senders)
	}
	return l
}

// paneWidth returns the width of a pane beside a list, which have room cells
// together: the usual one, or the given one as far as that leaves room.
func paneWidth(usual, given, room int) int {
	if given != 0 {
		usual = min(given, room-minMain-1)
	}
	if usual < minPane {
		return 0
	}
	return usual
}

// taken returns the cells that a pane takes with the line beside it.
func taken(pane int) int {
	if pane == 0 {
		return 0
	}
	return pane + 1
}

// showsPanel reports whether the senders are beside the tab t.
func (l layout) showsPanel(t tab) bool { return l.senders > 0 && t != tabSenders }

// showsDetail reports whether a message is beside the tab t.
func (l layout) showsDetail(t tab) bool { return l.detail > 0 && t != tabSenders }

// top returns the first row of the body.
func (l layout) top() int {
	y := 0
	for _, there := range []bool{l.header, l.tabs} {
		if there {
			y++
		}
	}
	return y
}

// footAt reports whether the foot is at row y of the screen.
func (l layout) footAt(y int) bool {
	foot := l.h - 1
	if l.keys {
		foot--
	}
	return l.foot && y == foot
}

// detailAt reports whether the detail beside the tab t is at column x and row y of
// the screen.
func (l layout) detailAt(x, y int, t tab) bool {
	return l.showsDetail(t) && x >= l.w-l.detail && y >= l.top() && y < l.top()+l.body
}

// lineAt returns the line of the tab t that is at column x and row y of the
// screen, and whether there is one.
func (l layout) lineAt(x, y int, t tab) (line int, ok bool) {
	left, right := 0, l.w
	if l.showsPanel(t) {
		left = l.senders + 1
	}
	if l.showsDetail(t) {
		right = left + l.main
	}
	line = y - l.top()
	return line, line >= 0 && line < l.body && x >= left && x < right
}

// A rule is the line between two panes.
type rule int

const (
	noRule rule = iota
	sendersRule
	detailRule
)

// ruleAt returns which rule is at column x beside the tab t.
func (l layout) ruleAt(x int, t tab) rule {
	switch {
	case l.showsPanel(t) && x == l.senders:
		return sendersRule
	case l.showsDetail(t) && x == l.w-l.detail-1:
		return detailRule
	}
	return noRule
}

// drag returns the widths once a rule is moved to column x. What becomes too
// narrow is closed.
func (l layout) drag(r rule, x int, p panes) panes {
	closed := func(n int) int {
		if n < minPane {
			return -1
		}
		return n
	}
	switch r {
	case sendersRule:
		p.senders = closed(x)
	case detailRule:
		p.detail = closed(l.w - x - 1)
	}
	return p
}

// widen returns the widths once the detail is n cells wider.
func (l layout) widen(n int, p panes) panes {
	now := l.detail
	if now == 0 {
		now = minPane - n
	}
	return l.drag(detailRule, l.w-1-min(now+n, l.w-minMain-1), p)
}
