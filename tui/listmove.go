package tui

// pause stops following. The screen stays as it is.
func (l *listModel) pause() {
	if !l.following {
		return
	}
	l.top, l.skip = l.tail()
	l.selected = max(len(l.items)-1, 0)
	l.following = false
	l.fresh = 0
}

// follow selects the newest message, from now on. It returns false if the newest
// page has to be read again, because it is not held.
func (l *listModel) follow() bool {
	if l.detached {
		return false
	}
	l.following = true
	l.fresh = 0
	l.trim()
	return true
}

// tail returns where the screen begins that ends with the newest item: which
// item, and how many of its lines are above the screen.
func (l *listModel) tail() (top, skip int) {
	top, used := len(l.items), 0
	for top > 0 && used < l.height {
		top--
		used += l.lines(top)
	}
	return top, max(used-l.height, 0)
}

// line returns the line of the screen that the selected row is on.
func (l *listModel) line() int {
	n := -l.skip
	for i := l.top; i < l.selected; i++ {
		n += l.lines(i)
	}
	return n + l.lines(l.selected) - 1
}

// put scrolls so that the selected row is on a line of the screen.
func (l *listModel) put(line int) {
	if len(l.items) == 0 {
		return
	}
	used := l.lines(l.selected) - 1
	l.top = l.selected
	for l.top > 0 && used < line {
		l.top--
		used += l.lines(l.top)
	}
	l.skip = max(used-line, 0)
	l.resize(l.height)
}

// move moves the selection by n items, and the screen as far as needed.
func (l *listModel) move(n int) {
	if len(l.items) == 0 {
		return
	}
	l.pause()
	l.selected = clamp(l.selected+n, 0, len(l.items)-1)
	l.reveal()
}

// pick selects the item on a line of the screen, if there is one.
func (l *listModel) pick(line int) {
	if len(l.items) == 0 {
		return
	}
	l.pause()
	line += l.skip
	for i := l.top; i < len(l.items) && line >= 0; i++ {
		if line -= l.lines(i); line < 0 {
			l.selected = i
		}
	}
	l.reveal()
}

// page moves the screen and the selection by n screens.
func (l *listModel) page(n int) {
	l.scroll(n * max(l.height-1, 1))
}

// scroll moves the screen by n items. The selection moves as far as needed to
// stay on it.
func (l *listModel) scroll(n int) {
	if len(l.items) == 0 {
		return
	}
	l.pause()
	before := l.top
	last, skip := l.tail()
	l.top = clamp(l.top+n, 0, last)
	if l.skip = 0; l.top == last {
		l.skip = skip
	}
	switch {
	case l.top != before:
		l.selected = clamp(l.selected, l.top, l.bottom())
	case n < 0: // at the first or last screen: the selection moves on
		l.selected = 0
	default:
		l.selected = len(l.items) - 1
	}
}

// end selects the newest message, from now on.
func (l *listModel) end() { l.follow() }

// home selects the oldest message held.
func (l *listModel) home() {
	l.pause()
	l.top, l.skip, l.selected = 0, 0, 0
}

// bottom returns the last item that is wholly on the screen.
func (l *listModel) bottom() int {
	i, used := l.top, -l.skip
	for i < len(l.items) {
		used += l.lines(i)
		if used > l.height {
			break
		}
		i++
	}
	return max(i-1, l.top)
}

// reveal scrolls as far as needed to show the selection.
func (l *listModel) reveal() {
	if l.selected <= l.top {
		l.top, l.skip = l.selected, 0
		return
	}
	for l.selected > l.bottom() {
		l.top, l.skip = l.top+1, 0
	}
}

// resize sets the number of lines. The selection stays on the screen.
func (l *listModel) resize(height int) {
	l.height = height
	if !l.following && len(l.items) > 0 {
		if last, skip := l.tail(); l.top >= last {
			l.top, l.skip = last, skip
		}
		l.reveal()
	}
}
