package interrupt

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// SIGHUP is caught before main: the packages of a cluster's client and of a broker take
// longer to be initialized than a role may take to be told to read its files anew, and until
// it is caught it kills the process. Go initializes a package once those that it imports are;
// this one imports what os/signal does, and comes right after it: TestCaughtEarly holds that.
var (
	ignored = signal.Ignored(syscall.SIGHUP) // under nohup
	caught  = catchHangup()
)

func catchHangup() chan os.Signal {
	c := make(chan os.Signal, 8)
	if !ignored {
		signal.Notify(c, syscall.SIGHUP)
	}
	return c
}

// Signals are those that end a context. The zero value holds none.
type Signals struct {
	mu    sync.Mutex
	holds map[os.Signal]int
}

// Context returns a context that ends with the first of the signals, or with SIGHUP unless
// the process is under nohup, and what stops listening for them: a terminal that was closed
// ends a command in order. There is one Context at a time.
func (s *Signals) Context(parent context.Context, signals ...os.Signal) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	if !ignored {
		signals = append(signals, syscall.SIGHUP)
	}
	signal.Notify(caught, signals...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case got := <-caught:
				if !s.held(got) {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(caught)
		cancel()
		<-ended
	}
}

func (s *Signals) held(got os.Signal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holds[got] > 0
}

// Hold has a signal end nothing until it is released: it is for another program that has
// the terminal, or for something else in this one.
func (s *Signals) Hold(sig os.Signal) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds == nil {
		s.holds = map[os.Signal]int{}
	}
	s.holds[sig]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.holds[sig]--
	})
}
