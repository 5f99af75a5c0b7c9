package health

import (
	"context"
	"time"
)

// A ForwardTeller shows a person what becomes of a forward, as it does of a pod.
type ForwardTeller interface {
	Failing(what, why string)
	Well(what string, after time.Duration)
}

// A Forward is one whose state is followed.
type Forward struct {
	Name string       // what it is in a sentence: "forward of the page"
	Down func() error // why a new connection would wait, or nil
}

// DownFor is how long a forward is down before that is told: a pod that is replaced is
// no news.
const DownFor = 5 * time.Second

// FollowForwards looks at forwards until ctx ends, and tells once when one has been down
// for downFor, why, and when a new connection is made again. It costs them nothing.
func FollowForwards(ctx context.Context, every, downFor time.Duration, all []Forward, to ForwardTeller) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	since, told := make([]time.Time, len(all)), make([]bool, len(all)) // of each
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i, f := range all {
			switch why := f.Down(); {
			case why == nil && told[i]:
				to.Well(f.Name, time.Since(since[i]))
				fallthrough
			case why == nil:
				since[i], told[i] = time.Time{}, false
			case since[i].IsZero():
				since[i] = time.Now()
			case !told[i] && time.Since(since[i]) >= downFor:
				told[i] = true
				to.Failing(f.Name+" is down", why.Error())
			}
		}
	}
}
