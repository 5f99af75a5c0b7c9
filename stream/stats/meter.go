package stats

import (
	"time"

	"hellox/stream"
)

// A Meter keeps the rates of one sender, or of the whole stream, and how its
// intervals and latencies are distributed, over sliding windows that go on
// sliding when nothing is observed. The zero value is ready. It is not safe
// for concurrent use, but reading changes nothing.
//
// It takes less than 1 KiB, and up to 3 KiB more for a sender with messages all
// through the last hour. What it returns:
//   - A rate is the number of messages within the window by the window's
//     length, where the oldest of its slots (100 ms of 1 s, 1 s of 1 min, 1 min
//     of 1 h) counts by the part that lies within it.
//   - Distributions are of the last 60 to 70 minutes. Minimum, mean, maximum and
//     the counts of Histogram are exact; quantiles are off by at most 1/32 of
//     their value, or by 4 µs where that is more (unless values spread further
//     than from -10 to 10 ms, or 100 µs to 6 s: then the lowest may count as
//     higher than they are).
//
// A clock that is set back stands still for a Meter until the next message,
// and goes on from there.
type Meter struct {
	origin time.Time     // of its own time
	back   time.Duration // by how much the clock was set back since, in all
	newest time.Duration // the last message, in its own time

	second ring
	minute ring
	hour   ring
	slots  [hourSlots + 1]*meterSlot // by number modulo their count; nil if never used
	last   time.Duration             // interval
	frame  frame                     // of the intervals in slots
}

// The slots in which the windows slide.
const (
	secondSlots = 10 // of the rates
	minuteSlots = 60
	rateSlots   = 60
	hourSlots   = 6 // of the distributions, which take far more memory
	slotLength  = time.Hour / hourSlots
)

// A meterSlot holds what was observed in one slot of time.
type meterSlot struct {
	number    int64 // of the slot, from the origin
	intervals tally
	latencies tally
}

// Observe takes note of a message received at the time at: interval is the
// time since the one before, latency since it was sent, None where it does not
// apply.
func (m *Meter) Observe(at time.Time, interval, latency time.Duration) {
	if m.origin.IsZero() {
		m.origin = at
	}
	own := m.own(at)
	if own < m.newest {
		m.back += m.newest - own
		own = m.newest
	}
	m.newest = own
	m.second.add(own, time.Second, secondSlots)
	m.minute.add(own, time.Minute, minuteSlots)
	m.hour.add(own, time.Hour, rateSlots)
	if interval < 0 && latency == stream.None {
		return
	}
	slot := m.slot(int64(own / slotLength))
	if interval >= 0 {
		m.last = interval
		if m.frame.set() {
			slot.intervals.addTo(m.frame.bin(interval), interval)
		} else {
			slot.intervals.add(interval)
		}
	}
	if latency != stream.None {
		slot.latencies.add(latency)
	}
}

// Declare sets the interval that the sender keeps to by its own account; 0 if it
// gives none. Another one than before begins a new distribution of intervals.
func (m *Meter) Declare(shortest, longest time.Duration) {
	f := frame{shortest, longest}
	if f == m.frame {
		return
	}
	m.frame = f
	for _, s := range m.slots {
		if s != nil {
			s.intervals = tally{}
		}
	}
}

// own is t in the meter's own time, which begins with the first message.
func (m *Meter) own(t time.Time) time.Duration { return t.Sub(m.origin) + m.back }

// now is own for the time of a question, which cannot be before the last message.
func (m *Meter) now(t time.Time) time.Duration { return max(m.own(t), m.newest) }

func (m *Meter) slot(number int64) *meterSlot {
	s := &m.slots[number%int64(len(m.slots))]
	if *s == nil || (*s).number != number {
		*s = &meterSlot{number: number}
	}
	return *s
}

// Rates returns the messages a second over windows that end now.
func (m *Meter) Rates(now time.Time) stream.Rates {
	if m.origin.IsZero() {
		return stream.Rates{}
	}
	own := m.now(now)
	return stream.Rates{
		Second: m.second.rate(own, time.Second, secondSlots),
		Minute: m.minute.rate(own, time.Minute, minuteSlots),
		Hour:   m.hour.rate(own, time.Hour, rateSlots),
	}
}

// Spread returns how the intervals of the last hour spread; false if there
// were none.
func (m *Meter) Spread(now time.Time) (stream.Spread, bool) {
	t := m.merge(now, func(s *meterSlot) *tally { return &s.intervals })
	if t.n == 0 {
		return stream.Spread{}, false
	}
	return stream.Spread{Last: stream.Millis(m.last), Min: stream.Millis(t.min), Mean: t.sum / float64(t.n) / 1e6, Max: stream.Millis(t.max)}, true
}

// Quantile returns quantiles of the latencies of the last hour; false if there
// were none.
func (m *Meter) Quantile(now time.Time) (stream.Quantile, bool) {
	t := m.merge(now, func(s *meterSlot) *tally { return &s.latencies })
	if t.n == 0 {
		return stream.Quantile{}, false
	}
	return stream.Quantile{
		P50: stream.Millis(t.quantile(0.50)), P90: stream.Millis(t.quantile(0.90)), P99: stream.Millis(t.quantile(0.99)), Max: stream.Millis(t.max),
	}, true
}

// histogramBins is the number of bins of Histogram: with a step of half a
// second they reach to 12 s and show 1 to 10 s in 18 of them.
const histogramBins = 24

// Histogram counts the intervals of the last hour; false if there were none. In
// the interval that the sender has declared there are always as many bins. Else
// they begin at 0, and the step is half a second, halved or doubled until all but
// the longest hundredth of the intervals find room.
func (m *Meter) Histogram(now time.Time) (Histogram, bool) {
	t := m.merge(now, func(s *meterSlot) *tally { return &s.intervals })
	if t.n == 0 {
		return Histogram{}, false
	}
	d := Distribution{*t, m.frame}
	return d.Histogram(), true
}

// merge returns the tally of the slots that lie at least partly in the hour
// before now.
func (m *Meter) merge(now time.Time, of func(*meterSlot) *tally) *tally {
	sum := new(tally)
	if m.origin.IsZero() {
		return sum
	}
	number := int64(m.now(now) / slotLength)
	for _, s := range m.slots {
		if s != nil && s.number >= number-hourSlots {
			sum.merge(of(s))
		}
	}
	return sum
}
