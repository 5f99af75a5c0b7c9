//go:build unix

package interrupt

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

// Ctrl-C ends nothing while it is held; SIGTERM does.
func TestHold(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		held   bool
		signal os.Signal
		ends   bool
	}{{false, os.Interrupt, true}, {true, os.Interrupt, false}, {true, syscall.SIGTERM, true}} {
		ctx, s, stop := Context(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGUSR1)
		release := func() {}
		if test.held {
			release = s.Hold()
		}
		if err := self.Signal(test.signal); err != nil {
			t.Fatal(err)
		}
		if test.ends {
			<-ctx.Done()
		} else {
			select {
			case <-ctx.Done():
				t.Errorf("%v ended it while it was held", test.signal)
			case <-time.After(50 * time.Millisecond):
			}
		}
		release()
		if !test.ends {
			if err := self.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
		}
		stop()
	}
}
