package timeline

import (
	"sync"
	"time"

	"hellox/history"
)

// What Rates remembers: the counts of about the last minute, as they were asked for.
const (
	rateEvery  = 5 * time.Second
	rateWindow = time.Minute
)

// Rates tells how many messages a second come to each topic, from how many there were
// when the topics were asked for before. The zero value is ready.
type Rates struct {
	mu     sync.Mutex
	before []topicCounts // oldest first
}

type topicCounts struct {
	at       time.Time
	messages map[string]uint64
}

// Observe takes note of the topics as they are now, and returns the rate of each by its
// index; nil if they were not asked for in the last minute.
func (r *Rates) Observe(topics []history.Topic, now time.Time) []float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.before) > 0 && now.Sub(r.before[0].at) > rateWindow+rateEvery {
		r.before = r.before[1:]
	}
	var rates []float64
	if len(r.before) > 0 && now.Sub(r.before[0].at) >= rateEvery {
		old := r.before[0]
		rates = make([]float64, len(topics))
		for i, t := range topics {
			if n := old.messages[t.Topic]; t.Messages > n { // else some were evicted
				rates[i] = float64(t.Messages-n) / now.Sub(old.at).Seconds()
			}
		}
	}
	if len(r.before) == 0 || now.Sub(r.before[len(r.before)-1].at) >= rateEvery {
		counts := topicCounts{now, make(map[string]uint64, len(topics))}
		for _, t := range topics {
			counts.messages[t.Topic] = t.Messages
		}
		r.before = append(r.before, counts)
	}
	return rates
}
