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

const (
	connectsPerSecond = 500
	maxDialing        = 50
)

func newPace() *pace {
	return &pace{rate.NewLimiter(connectsPerSecond, maxDialing), make(chan struct{}, maxDialing)}
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
