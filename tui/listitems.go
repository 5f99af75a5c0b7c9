package tui

import (
	"hellox/history"
	"hellox/stream"
)

// An item of the list is a message, or a number of messages that the store
// dropped.
type item struct {
	message *stream.Message // shared with the store
	dropped uint64          // how many at most; message is nil
}

// weight estimates the bytes that a message takes, with what holds it.
func weight(m *stream.Message) int64 {
	const fixed = 320 // the struct, its item and the allocator's rounding
	return fixed + int64(len(m.Topic)+len(m.Payload)+len(m.Sender)+len(m.Text)+len(m.Color)+len(m.Boot))
}

// show replaces all items with the newest page, and follows.
func (l *listModel) show(page history.Page) {
	*l = listModel{
		shared: l.shared, budget: l.budget, height: l.height, zone: l.zone,
		dropped: l.dropped, stats: l.stats, older: page.Next, following: true,
	}
	for i := range page.Messages {
		l.push(&page.Messages[i])
	}
	l.trim()
}

// push appends a new message.
func (l *listModel) push(m *stream.Message) {
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
	l.items = append(l.items, item{message: m})
}

// drop notes that the store does not deliver the messages up to and including
// id.
func (l *listModel) drop(id int64) {
	n := uint64(max(id-l.last, 0))
	l.dropped += n
	l.last = max(id, l.last)
	if n > 0 && !l.skipped {
		l.items = append(l.items, item{dropped: n})
	}
}

// trim evicts the oldest items until the rest fits. It does so only while
// following: else the reader would lose the place.
func (l *listModel) trim() {
	if !l.following || l.used <= l.budget {
		return
	}
	n := 0
	for n < len(l.items)-1 && l.used > l.budget {
		if m := l.items[n].message; m != nil {
			l.used -= weight(m)
		}
		l.items[n] = item{} // the array lives on: it must not hold the message
		n++
	}
	l.items = l.items[n:]
	if m := l.items[0].message; m != nil {
		l.older = m.ID
	}
}

// prepend puts an older page before the items held.
func (l *listModel) prepend(page history.Page) {
	l.loading = false
	l.older = page.Next
	n := len(page.Messages)
	items := make([]item, n, n+len(l.items))
	for i := range page.Messages {
		items[i].message = &page.Messages[i]
		l.used += weight(&page.Messages[i])
	}
	l.items = append(items, l.items...)
	l.top += n
	l.selected += n
	l.full = l.used > l.budget
}

// lines returns the number of lines that an item takes: a gap before the
// message takes one, and a new day another.
func (l *listModel) lines(i int) int {
	n := 1
	if i == 0 {
		n++ // what is before it
	}
	if m := l.items[i].message; m != nil && m.Missed > 0 {
		n++
	}
	if l.newDay(i) {
		n++
	}
	return n
}

// newDay reports whether a message was received on another day than the one
// before it.
func (l *listModel) newDay(i int) bool {
	if i == 0 || l.items[i].message == nil || l.items[i-1].message == nil {
		return false
	}
	ay, am, ad := l.items[i-1].message.Received.In(l.zone).Date()
	by, bm, bd := l.items[i].message.Received.In(l.zone).Date()
	return ad != bd || am != bm || ay != by
}
