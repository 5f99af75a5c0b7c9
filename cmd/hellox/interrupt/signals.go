package interrupt

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
)

// Signals are those that end a context.
type Signals struct{ holds atomic.Int32 }

// Context returns a context that ends with the first of the signals, and what stops
// listening for them.
func Context(parent context.Context, signals ...os.Signal) (ctx context.Context, s *Signals, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	s = new(Signals)
	caught := make(chan os.Signal, 8)
	signal.Notify(caught, signals...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case got := <-caught:
				if got == os.Interrupt && s.holds.Load() > 0 {
					continue
				}
				cancel()
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, s, func() {
		signal.Stop(caught)
		cancel()
		<-ended
	}
}

// Hold leaves os.Interrupt to the program that has the terminal, until released.
func (s *Signals) Hold() (release func()) {
	s.holds.Add(1)
	return func() { s.holds.Add(-1) }
}
