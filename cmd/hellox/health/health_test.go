package health_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hellox/cmd/hellox/health"
	"hellox/history"
)

type told struct{ lines []string }

func (t *told) Degraded(cause string)   { t.lines = append(t.lines, cause) }
func (t *told) Recovered(time.Duration) { t.lines = append(t.lines, "well") }

// TestFollow tells each change once, and nothing of figures that were not read.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answers := []struct {
		degraded string
		err      error
	}{{"", nil}, {"full", nil}, {"full", nil}, {"", errors.New("no answer")}, {"full", nil}, {"still full", nil}, {"", nil}, {"", nil}, {"full", nil}}
	var got told
	n := 0
	health.Follow(ctx, time.Microsecond, func(context.Context) (history.Stats, error) {
		a := answers[n]
		if n++; n == len(answers) {
			cancel()
		}
		return history.Stats{Degraded: a.degraded}, a.err
	}, &got)
	if want := []string{"full", "still full", "well", "full"}; !slices.Equal(got.lines, want) {
		t.Errorf("told %q, want %q", got.lines, want)
	}
}

func (t *told) Failing(what, why string)              { t.lines = append(t.lines, what+": "+why) }
func (t *told) Well(what string, after time.Duration) { t.lines = append(t.lines, what+" is well") }

// TestFollowForwards tells of a forward that stays down, once, and when it is well; a
// moment without a pod is no news.
func TestFollowForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		down := func(from, to time.Duration, why string) func() error {
			return func() error {
				if at := time.Since(began); at >= from && at < to {
					return errors.New(why)
				}
				return nil
			}
		}
		var got told
		go health.FollowForwards(ctx, time.Second, health.DownFor, []health.Forward{
			{Name: "page", Down: down(10*time.Second, 30*time.Second, "no pod of receive is ready")},
			{Name: "broker", Down: down(10*time.Second, 13*time.Second, "no pod of broker is ready")},
		}, &got)
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if want := []string{"page is down: no pod of receive is ready", "page is well"}; !slices.Equal(got.lines, want) {
			t.Errorf("told %q, want %q", got.lines, want)
		}
	})
}

// TestFollowRarely reads the figures of a receiver that is well rarely, and those of one
// that is not as often as ever.
func TestFollowRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began, well, ill := time.Now(), 0, 0
		var got told
		go health.Follow(ctx, health.EveryRemote, func(context.Context) (history.Stats, error) {
			if at := time.Since(began); at > time.Minute && at < 2*time.Minute {
				ill++
				return history.Stats{Degraded: "full"}, nil
			}
			well++
			return history.Stats{}, nil
		}, &got)
		time.Sleep(3*time.Minute - time.Second)
		cancel()
		synctest.Wait()
		if well > 14 || ill < 25 {
			t.Errorf("%d questions in two minutes in which it was well, %d in one in which it was not", well, ill)
		}
		if want := []string{"full", "well"}; !slices.Equal(got.lines, want) {
			t.Errorf("told %q, want %q", got.lines, want)
		}
	})
}
