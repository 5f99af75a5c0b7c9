//go:build unix

package interrupt

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	ignored = false // also where the tests run under nohup
	os.Exit(m.Run())
}

// A signal ends nothing while it is held, also if it was before anything listened; others
// do.
func TestHold(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		held   os.Signal // nil: none is
		signal os.Signal
		ends   bool
	}{
		{nil, os.Interrupt, true},
		{os.Interrupt, os.Interrupt, false},
		{os.Interrupt, syscall.SIGTERM, true},
		{os.Interrupt, syscall.SIGHUP, true},
		{syscall.SIGHUP, syscall.SIGHUP, false},
		{syscall.SIGHUP, os.Interrupt, true},
	} {
		var s Signals
		release := func() {}
		if test.held != nil {
			release = s.Hold(test.held)
		}
		ctx, stop := s.Context(context.Background(), os.Interrupt, syscall.SIGTERM)
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
