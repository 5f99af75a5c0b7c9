package tui

import (
	"time"

	"hellox/history"
	"hellox/stream"
)

// An entry of the list is a message, or says that ids before it were dropped.
type entry struct {
	message *stream.Message // shared with the store
	dropped uint64          // how many ids at most; message is nil
}

// list holds a window of the stream in id order, bounded by bytes, and where
// the reader stands in it.
type list struct {
	entries   []entry
	used      int64 // bytes, as weight counts them
	budget    int64
	last      int64 // the newest id handed in
	older     int64 // before which older ones may be asked for; 0: there are none
	loading   bool  // an older page is on its way
	full      bool  // older ones do not fit
	following bool
	top       int    // the first entry on the screen, unless following
	skip      int    // how many of its lines are above the screen
	selected  int    // unless following: then it is the newest
	fresh     uint64 // came since the reader stopped following
	skipped   bool   // some of those did not fit and are read again later
	dropped   uint64 // ids that the store evicted before they came here
	height    int
	zone      *time.Location // of the times shown
}

// weight estimates the bytes that a message takes, with what holds it.
func weight(m *stream.Message) int64 {
	const fixed = 320 // the struct, its entry and the allocator's rounding
	return fixed + int64(len(m.Topic)+len(m.Payload)+len(m.Sender)+len(m.Text)+len(m.Color)+len(m.Boot))
}

// show replaces all with the newest page and follows.
func (l *list) show(page history.Page) {
	*l = list{budget: l.budget, height: l.height, zone: l.zone, dropped: l.dropped, older: page.Next, following: true}
	for i := range page.Messages {
		l.push(&page.Messages[i])
	}
	l.trim()
}

// push appends a message that came.
func (l *list) push(m *stream.Message) {
	l.last = m.ID
	if !l.following {
		l.fresh++
		if l.skipped || l.used > l.budget {
			// What the reader looks at stays. The rest is in the store.
			l.skipped = true
			return
		}
	}
	l.used += weight(m)
	l.entries = append(l.entries, entry{message: m})
}

// gone notes that the ids up to and including id will not come.
func (l *list) gone(id int64) {
	n := uint64(max(id-l.last, 0))
	l.dropped += n
	l.last = max(id, l.last)
	if n > 0 && !l.skipped {
		l.entries = append(l.entries, entry{dropped: n})
	}
}

// trim lets the oldest go until the rest fits. Only while following: else the
// reader would lose the place.
func (l *list) trim() {
	if !l.following || l.used <= l.budget {
		return
	}
	n := 0
	for n < len(l.entries)-1 && l.used > l.budget {
		if m := l.entries[n].message; m != nil {
			l.used -= weight(m)
		}
		l.entries[n] = entry{} // the array lives on: it must not hold the message
		n++
	}
	l.entries = l.entries[n:]
	if m := l.entries[0].message; m != nil {
		l.older = m.ID
	}
}

// prepend puts an older page before what is held.
func (l *list) prepend(page history.Page) {
	l.loading = false
	l.older = page.Next
	n := len(page.Messages)
	entries := make([]entry, n, n+len(l.entries))
	for i := range page.Messages {
		entries[i].message = &page.Messages[i]
		l.used += weight(&page.Messages[i])
	}
	l.entries = append(entries, l.entries...)
	l.top += n
	l.selected += n
	l.full = l.used > l.budget
}

// wantsOlder tells whether an older page should be asked for: the reader is
// within a screen of the oldest one held, or the screen is not filled.
func (l *list) wantsOlder() bool {
	if l.older == 0 || l.loading || l.full {
		return false
	}
	if l.following {
		return len(l.entries) < l.height
	}
	return l.top < l.height
}

// current returns the selected message, or nil.
func (l *list) current() *stream.Message {
	i := l.selected
	if l.following {
		i = len(l.entries) - 1
	}
	for ; i >= 0 && i < len(l.entries); i-- {
		if m := l.entries[i].message; m != nil {
			return m
		}
	}
	return nil
}

// lines counts the lines that an entry takes: a line tells of a gap before the
// message, another of a new day.
func (l *list) lines(i int) int {
	n := 1
	if m := l.entries[i].message; m != nil && m.Missed > 0 {
		n++
	}
	if l.newDay(i) {
		n++
	}
	return n
}

// newDay tells whether a message was received on another day than the one
// before it.
func (l *list) newDay(i int) bool {
	if i == 0 || l.entries[i].message == nil || l.entries[i-1].message == nil {
		return false
	}
	ay, am, ad := l.entries[i-1].message.Received.In(l.zone).Date()
	by, bm, bd := l.entries[i].message.Received.In(l.zone).Date()
	return ad != bd || am != bm || ay != by
}
