package stats

import "time"

// A ring counts messages over one sliding window, in slots. There is one slot
// more than the window is long: the oldest and the newest lie in it in part.
// Times are from 0 on and do not fall from one add to the next.
type ring struct {
	counts []uint32 // by the slot's number modulo their count; nil until the first message
	head   int64    // number of the newest slot that was counted in
}

// add counts a message at the time t.
func (r *ring) add(t, window time.Duration, slots int) {
	if r.counts == nil {
		r.counts = make([]uint32, slots+1)
	}
	n := int64(len(r.counts))
	number := int64(t / (window / time.Duration(slots)))
	for i := max(r.head+1, number-n+1); i <= number; i++ {
		r.counts[i%n] = 0
	}
	r.head = number
	r.counts[number%n]++
}

// rate returns the messages a second in the window that ends at the time t.
func (r *ring) rate(t, window time.Duration, slots int) float64 {
	n := int64(len(r.counts))
	if n == 0 {
		return 0
	}
	length := window / time.Duration(slots)
	number := int64(t / length)
	oldest := number - int64(slots)
	var sum float64
	for i := max(0, oldest, r.head-n+1); i <= r.head; i++ {
		count := float64(r.counts[i%n])
		if i == oldest { // of which the window has lost as much as it has won of the newest
			count *= float64(length-t%length) / float64(length)
		}
		sum += count
	}
	return sum / window.Seconds()
}
