package broadcast

import (
	"context"

	"golang.org/x/time/rate"
)

// A pace limits how many of a fleet connect at a time and per second, at the start and
// after the broker was away.
type pace struct {
	rate  *rate.Limiter
	slots chan struct{} // one element for each attempt under way
}

// ConnectsPerSecond and MaxDialing are the pace of one process: 10,000 broadcasters are
// connected within 10 s, and a broker that has other clients is not flooded.
const (
	ConnectsPerSecond = 1500
	MaxDialing        = 50
)

func newPace() *pace {
	return &pace{rate.NewLimiter(ConnectsPerSecond, MaxDialing), make(chan struct{}, MaxDialing)}
}

// begin waits until an attempt may begin, or ctx ends. If it returns nil, end
// ends the attempt.
func (p *pace) begin(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := p.rate.Wait(ctx); err != nil {
		p.end()
		return err
	}
	return nil
}

func (p *pace) end() { <-p.slots }
