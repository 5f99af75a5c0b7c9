package main

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"

	"hellox/bootstrap/portforward"
	"hellox/cmd/hellox/state"
)

// spawnDaemon starts a process that does what this one would do in front, and
// returns once it has written where the stream is.
func (o *upOptions) spawnDaemon(ctx context.Context, sh shell, here state.Installation, dir state.Dir) error {
	err := dir.SpawnDaemon(ctx, o.daemonArgs(here), sh.out, sh.err)
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return errReported(exit.ExitCode()) // it has written why
	}
	return storageError(here, dir, err)
}

// daemonArgs returns the command line of the process left in the background.
func (o *upOptions) daemonArgs(here state.Installation) []string {
	args := append([]string{"up", "--detached"}, strings.Fields(here.Flags())...)
	for _, p := range []portforward.Port{o.web, o.mqtt} {
		if p.Asked {
			args = append(args, p.Flag, strconv.Itoa(p.Number))
		}
	}
	if o.broadcastersSet {
		args = append(args, "--broadcasters", strconv.Itoa(o.broadcasters))
	}
	return append(args, "--output", o.output, "--timeout", o.timeout.String())
}
