package minikube

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

// A commandShell runs commands on nodes with `minikube ssh`. minikube's native
// client always requests a pty, which corrupts archives, and it is used without
// notice if there is no ssh program. So the program must be installed.
type commandShell struct {
	runner  *run.Runner
	profile string
}

func (s commandShell) Run(ctx context.Context, node string, stdin io.Reader, command ...string) (run.Output, error) {
	out, err := s.runner.Run(ctx, run.Command{
		Name: "minikube", Stdin: stdin,
		Args: []string{"ssh", "-p", s.profile, "-n", node, "--native-ssh=false", "--", "sudo -n " + cluster.Quote(command)},
	})
	// The command's exit code is only in the last line of stderr.
	if exit := (*run.ExitError)(nil); errors.As(err, &exit) {
		text := strings.TrimSpace(exit.Stderr)
		at := strings.LastIndex(text, "ssh: exit status ")
		if code, err := strconv.Atoi(strings.TrimPrefix(text[max(at, 0):], "ssh: exit status ")); at >= 0 && err == nil {
			exit.Program, exit.Code, exit.Stderr = command[0], code, text[:at]
		}
	}
	return out, err
}
