package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A containerEngine is the program that kind's nodes are containers of:
// docker, podman, nerdctl or finch. "" is none.
type containerEngine string

// unusable returns why an engine that was asked what there is did not tell.
func unusable(name containerEngine, err error) error { return engine.Unusable(string(name), err) }

// detectEngine returns the container engine that kind would use: the one that
// KIND_EXPERIMENTAL_PROVIDER names, else the first that is installed. The docker
// command of podman is podman.
func detectEngine(ctx context.Context, r *run.Runner) (containerEngine, error) {
	if e := r.Getenv("KIND_EXPERIMENTAL_PROVIDER"); e != "" {
		switch e {
		case "docker", "podman", "nerdctl", "finch":
			return containerEngine(e), nil
		}
		return "", &step.Error{
			Kind:     step.Ambiguous,
			Sentence: fmt.Sprintf("KIND_EXPERIMENTAL_PROVIDER names no container engine of kind's: %q", e),
			Hint:     "unset KIND_EXPERIMENTAL_PROVIDER",
		}
	}
	_, podman := r.Look("podman")
	if _, ok := r.Look("docker"); ok {
		if !podman {
			return "docker", nil
		}
		out, err := r.Ask(ctx, run.AnswerLimit, run.Command{Name: "docker", Args: []string{"-v"}})
		if err == nil && strings.HasPrefix(out.Stdout, "Docker version") {
			return "docker", nil
		}
		if silent, ok := errors.AsType[run.NoAnswer](err); ok { // whose clusters Podman would not list
			return "", &step.Error{
				Kind: step.Missing, Sentence: "docker -v has not answered, and Podman is not asked in its place", Err: silent,
				Hint: "docker -v; for Podman export KIND_EXPERIMENTAL_PROVIDER=podman, then type the same command again",
			}
		}
	}
	for _, e := range []string{"nerdctl", "finch"} {
		if _, ok := r.Look(e); ok {
			return containerEngine(e), nil
		}
	}
	if podman {
		return "podman", nil
	}
	return "", &step.Error{
		Kind:     step.Missing,
		Sentence: "no container engine is installed",
		Hint:     "install Docker or Podman, which kind makes its nodes with",
	}
}
