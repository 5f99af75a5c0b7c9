package cluster

import (
	"context"
	"io"

	"hellox/bootstrap/run"
)

// A Shell runs commands on a cluster's nodes, as root and without a terminal:
// stdin and stdout are not changed on the way.
type Shell interface {
	// Run returns a *run.ExitError if the command ran and failed.
	Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error)
}

// An EngineShell runs commands on nodes that are containers of this machine's
// container engine.
type EngineShell struct {
	Runner *run.Runner
	Engine string // "docker", "podman", "nerdctl"
}

// Run implements Shell.
func (s EngineShell) Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error) {
	args := []string{"exec"}
	if stdin != nil {
		args = append(args, "-i")
	}
	return s.Runner.Run(ctx, run.Command{Name: s.Engine, Args: append(append(args, node), command...), Stdin: stdin})
}
