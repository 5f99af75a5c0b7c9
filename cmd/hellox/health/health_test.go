package health_test

import (
	"context"
	"errors"
	"slices"
	"testing"
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
