package tui

import (
	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
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

// show replaces all items with those about a place: it follows if that is the end.
func (l *listModel) show(msg *source.NewestMsg) {
	*l = listModel{
		shared: l.shared, budget: l.budget, height: l.height, zone: l.zone, keep: l.keep,
		dropped: l.dropped, stats: l.stats, older: msg.Page.Next, at: msg.At, following: msg.At == 0,
		detached: msg.Newer.Next != 0,
	}
	msg.Each(l.hold)
	if l.following {
		l.trim()
		return
	}
	l.selected = max(len(msg.Page.Messages)-1, 0)
	l.put(l.keep)
}

// push takes a new message in. While the reader is elsewhere it may have no room:
// then it stays in the store.
func (l *listModel) push(m *stream.Message) {
	if !l.following && m.ID <= l.newest() {
		return // a page has brought it already
	}
	l.last = m.ID
	if !l.following {
		l.fresh++
		if l.detached || l.used > l.budget {
			l.detached, l.unheld = true, m.ID
			return
		}
	}
	l.hold(m)
}

// hold appends a message.
func (l *listModel) hold(m *stream.Message) {
	l.last = max(l.last, m.ID)
	l.used += weight(m)
	l.items = append(l.items, item{message: m})
}

// drop notes that the store does not deliver the messages up to and including
// id.
func (l *listModel) drop(id int64) {
	n := uint64(max(id-l.last, 0))
	l.dropped += n
	l.last = max(id, l.last)
	if n > 0 && !l.detached {
		l.items = append(l.items, item{dropped: n})
	}
}

// trim evicts the oldest items until the rest fits. It does so only while
// following: else the reader would lose the place.
func (l *listModel) trim() {
	if l.following {
		l.evict(len(l.items) - 1)
	}
}

// evict removes the oldest items, at most so many, as long as the others do not fit.
// They are still in the store.
func (l *listModel) evict(most int) {
	n := 0
	for n < most && l.used > l.budget {
		if m := l.items[n].message; m != nil {
			l.used -= weight(m)
		}
		l.items[n] = item{} // the array lives on: it must not hold the message
		n++
	}
	if n == 0 {
		return
	}
	l.items = l.items[n:]
	l.top, l.selected = max(l.top-n, 0), max(l.selected-n, 0)
	if m := l.items[0].message; m != nil {
		l.older = m.ID
	}
}

// prepend puts an older page before the items held. Where it is too much, the
// newest are evicted, but what is near the screen.
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
	if l.following {
		return
	}
	keep := max(l.top+2*l.height, l.selected+1)
	for i := len(l.items) - 1; i >= keep && l.used > l.budget; i-- {
		if m := l.items[i].message; m != nil {
			l.used -= weight(m)
			l.unheld = max(l.unheld, m.ID)
		}
		l.items[i] = item{}
		l.items, l.detached, l.at = l.items[:i], true, 0
	}
}

// append puts a newer page behind the items held. Where it is too much, the oldest
// are evicted, but what is near the screen.
func (l *listModel) append(msg *source.PageMsg) {
	l.newer = false
	if msg.Err != nil || l.following {
		return
	}
	for i := range msg.Page.Messages {
		l.hold(&msg.Page.Messages[i])
	}
	l.at = max(l.at, msg.Page.Next)                // a page may be empty and not the last
	if msg.Page.Next == 0 && l.asked == l.unheld { // nothing has come since
		l.detached = false
	}
	l.evict(l.top - l.height)
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
