package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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

// TestQuestionNames asks with flags: a question is named without them, but with the
// profile that it is about.
func TestQuestionNames(t *testing.T) {
	t.Parallel()
	sleep, ok := run.New(os.Environ()).Look("sleep")
	if !ok {
		t.Skip("no sleep")
	}
	bin := t.TempDir()
	for _, name := range []string{"docker", "minikube"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nexec "+sleep+" 60\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"docker ps -a --filter x":                  "docker ps",
		"minikube profile list -o json":            "minikube profile list",
		"minikube status -p work -o json":          "minikube status -p work",
		"minikube -p work docker-env --shell none": "minikube -p work docker-env",
	} {
		words := strings.Fields(args)
		r := run.New([]string{"PATH=" + bin})
		_, err := r.Ask(t.Context(), 10*time.Millisecond, run.Command{Name: words[0], Args: words[1:]})
		if err == nil || err.Error() != want+" has not answered: gave up after 10ms" {
			t.Errorf("%s: %v", args, err)
		}
	}
}
