package health

import (
	"context"
	"time"

	"hellox/history"
)

// Every is how often the figures are read, and EveryRemote how often those of a receiver
// behind a forward, where a question is work for the API server and the node as well.
const (
	Every       = 2 * time.Second
	EveryRemote = 10 * time.Second
)

// A Teller shows a person that something begins and that it is over.
type Teller interface {
	Degraded(cause string)
	Recovered(after time.Duration)
}

// Follow reads the figures until ctx ends, and tells once when nothing is
// acknowledged any more, why, and when that is over. While that is so it reads at
// least Every. Figures that cannot be
// read change nothing: who cannot answer is not well either.
func Follow(ctx context.Context, every time.Duration, read func(context.Context) (history.Stats, error), to Teller) {
	next := time.NewTimer(every)
	defer next.Stop()
	told, since := "", time.Time{}
	for ctx.Err() == nil {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		stats, err := read(asking)
		cancel()
		switch cause := stats.Degraded; {
		case err != nil || cause == told:
		case cause == "":
			to.Recovered(time.Since(since))
			told = ""
		default:
			if told == "" {
				since = time.Now()
			}
			to.Degraded(cause)
			told = cause
		}
		pause := every
		if told != "" {
			pause = min(every, Every)
		}
		next.Reset(pause)
		select {
		case <-ctx.Done():
		case <-next.C:
		}
	}
}
