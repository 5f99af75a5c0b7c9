package timeline

import "time"

// A Timeline counts events in the most recent slots of time, each step long.
type Timeline struct {
	step   time.Duration
	counts []uint32
	newest int64 // number of the newest slot since 1970
}

// New returns a Timeline of the given span, divided into slots.
func New(span time.Duration, slots int) Timeline {
	return Timeline{step: span / time.Duration(slots), counts: make([]uint32, slots)}
}

// Add counts an event at t. One older than the timeline is not counted.
func (w *Timeline) Add(t time.Time) {
	slot := t.UnixNano() / int64(w.step)
	w.advance(slot)
	if slot > w.newest-int64(len(w.counts)) {
		w.counts[slot%int64(len(w.counts))]++
	}
}

// advance empties the slots between the newest one and slot.
func (w *Timeline) advance(slot int64) {
	n := int64(len(w.counts))
	if slot <= w.newest {
		return
	}
	for i := max(w.newest+1, slot-n+1); i <= slot; i++ {
		w.counts[i%n] = 0
	}
	w.newest = slot
}

// Bars returns the counts in at most n bars, oldest first; the last one holds
// now. Bars begin at whole multiples of their length, so a bar that has ended
// does not change until it leaves.
func (w *Timeline) Bars(now time.Time, n int) []uint32 {
	slots := int64(len(w.counts))
	each := (slots + int64(n) - 1) / int64(n)
	bars := make([]uint32, (slots+each-1)/each)
	current := now.UnixNano() / int64(w.step)
	for slot := max(w.newest-slots+1, 0); slot <= w.newest; slot++ {
		i := int64(len(bars)) - 1 - (current/each - slot/each)
		if i >= 0 && i < int64(len(bars)) {
			bars[i] += w.counts[slot%slots]
		}
	}
	return bars
}

// Bar returns which of those n bars, as Bars divides them, holds the time t: the
// first one if it is earlier, and 0 for the zero time.
func (w *Timeline) Bar(now time.Time, n int, t time.Time) int {
	if t.IsZero() {
		return 0
	}
	slots := int64(len(w.counts))
	each := (slots + int64(n) - 1) / int64(n)
	last := (slots+each-1)/each - 1
	i := last - (now.UnixNano()/int64(w.step)/each - t.UnixNano()/int64(w.step)/each)
	return int(max(0, min(i, last)))
}

// TimeOf returns when bar i of those n bars begins.
func (w *Timeline) TimeOf(now time.Time, n, i int) time.Time {
	slots := int64(len(w.counts))
	each := (slots + int64(n) - 1) / int64(n)
	last := (slots+each-1)/each - 1
	return time.Unix(0, (now.UnixNano()/int64(w.step)/each-(last-int64(i)))*each*int64(w.step))
}

// Sum returns the number of events in the span that ends now.
func (w *Timeline) Sum(now time.Time, span time.Duration) uint64 {
	n, slots := uint64(0), int64(len(w.counts))
	current := now.UnixNano() / int64(w.step)
	first := max(current-int64(span/w.step)+1, w.newest-slots+1, 0)
	for slot := first; slot <= min(w.newest, current); slot++ {
		n += uint64(w.counts[slot%slots])
	}
	return n
}
