package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// TestQuestion asks a question that is answered late: it is named meanwhile, and the
// context of one that is given up says which it was. It is not asked again.
func TestQuestion(t *testing.T) {
	t.Parallel()
	told := make(chan []string, 2)
	r := run.New(nil).OnWaiting(func(questions []string) { told <- slices.Clone(questions) })
	err := r.Question(t.Context(), "docker ps", time.Minute, func(ctx context.Context) error {
		if named := <-told; !slices.Equal(named, []string{"docker ps"}) {
			t.Errorf("named %q", named)
		}
		return ctx.Err()
	})
	if named := <-told; err != nil || len(named) > 0 {
		t.Errorf("after the answer: %v, named %q", err, named)
	}

	asked := 0
	for range 2 {
		err := r.Question(t.Context(), "docker ps", time.Millisecond, func(ctx context.Context) error {
			asked++
			<-ctx.Done()
			return context.Cause(ctx)
		})
		silent := (*step.Error)(nil)
		if _, ok := errors.AsType[run.NoAnswer](err); !ok || !errors.As(err, &silent) || silent.Hint != "docker ps" || silent.Kind != step.Missing {
			t.Errorf("no answer: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		err := r.Question(ctx, "docker info", time.Minute, func(ctx context.Context) error { return context.Cause(ctx) })
		if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "answered") {
			t.Errorf("interrupted: %v", err)
		}
	}
}
