package tui

// hold stops following: the screen stays as it is.
func (l *list) hold() {
	if !l.following {
		return
	}
	l.top, l.skip = l.tail()
	l.selected = max(len(l.entries)-1, 0)
	l.following = false
	l.fresh = 0
}

// follow goes to the newest and stays there. It returns false if the list has
// to be read again, because some of what came did not fit.
func (l *list) follow() bool {
	if l.skipped {
		return false
	}
	l.following = true
	l.fresh = 0
	l.full = false
	l.trim()
	return true
}

// tail returns where the screen begins that ends with the newest entry: which
// entry, and how many of its lines are above the screen.
func (l *list) tail() (top, skip int) {
	top, used := len(l.entries), 0
	for top > 0 && used < l.height {
		top--
		used += l.lines(top)
	}
	return top, max(used-l.height, 0)
}

// move moves the selection by n entries and the screen as far as it must.
func (l *list) move(n int) {
	if len(l.entries) == 0 {
		return
	}
	l.hold()
	l.selected = clamp(l.selected+n, 0, len(l.entries)-1)
	l.reveal()
}

// pick selects the entry on a line of the screen, if there is one.
func (l *list) pick(line int) {
	if len(l.entries) == 0 {
		return
	}
	l.hold()
	line += l.skip
	for i := l.top; i < len(l.entries) && line >= 0; i++ {
		if line -= l.lines(i); line < 0 {
			l.selected = i
		}
	}
	l.reveal()
}

// page moves the screen and the selection by n screens.
func (l *list) page(n int) {
	l.scroll(n * max(l.height-1, 1))
}

// scroll moves the screen by n entries; the selection goes along only as far
// as it must to stay on the screen.
func (l *list) scroll(n int) {
	if len(l.entries) == 0 {
		return
	}
	l.hold()
	before := l.top
	last, skip := l.tail()
	l.top = clamp(l.top+n, 0, last)
	if l.skip = 0; l.top == last {
		l.skip = skip
	}
	switch {
	case l.top != before:
		l.selected = clamp(l.selected, l.top, l.bottom())
	case n < 0: // at the end of the way: the selection goes on to it
		l.selected = 0
	default:
		l.selected = len(l.entries) - 1
	}
}

// end goes to the newest and follows it, as far as it is held.
func (l *list) end() { l.follow() }

// home goes to the oldest one held.
func (l *list) home() {
	l.hold()
	l.top, l.skip, l.selected = 0, 0, 0
}

// bottom returns the last entry that is wholly on the screen.
func (l *list) bottom() int {
	i, used := l.top, -l.skip
	for i < len(l.entries) {
		used += l.lines(i)
		if used > l.height {
			break
		}
		i++
	}
	return max(i-1, l.top)
}

// reveal moves the screen so that the selection is on it.
func (l *list) reveal() {
	if l.selected <= l.top {
		l.top, l.skip = l.selected, 0
		return
	}
	for l.selected > l.bottom() {
		l.top, l.skip = l.top+1, 0
	}
}

// resize keeps the selection on the screen.
func (l *list) resize(height int) {
	l.height = height
	if !l.following && len(l.entries) > 0 {
		if last, skip := l.tail(); l.top >= last {
			l.top, l.skip = last, skip
		}
		l.reveal()
	}
}

func clamp(n, low, high int) int { return max(low, min(n, high)) }
