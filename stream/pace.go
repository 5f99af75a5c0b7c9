package stream

import "golang.org/x/time/rate"

// A pace keeps a fleet from falling on a broker all at once, at the start and
// after the broker was away.
type pace struct {
	rate *rate.Limiter
	// slots has room for those who dial. Whoever sent to it may begin, and
	// receives from it at the end of the attempt.
	slots chan struct{}
}

const (
	connectsPerSecond = 500
	maxDialing        = 50
)

func newPace() *pace {
	return &pace{rate.NewLimiter(connectsPerSecond, maxDialing), make(chan struct{}, maxDialing)}
}
