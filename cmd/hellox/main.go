package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], shell{os.Stdin, os.Stdout, os.Stderr, os.LookupEnv, os.Environ()})
	stop()
	os.Exit(code)
}

// A shell is what a command is started from: its three streams (human text goes
// to err, data to out) and its environment.
type shell struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env func(string) (string, bool)
	// environ is the same as a list, for the commands that are run.
	environ []string
}

// run is the whole program: it ends with an exit code of the table in errors.go.
func run(ctx context.Context, args []string, sh shell) int {
	root := newRoot(sh)
	root.SetArgs(args)
	root.SetIn(sh.in)
	root.SetOut(sh.out)
	root.SetErr(sh.err)
	return report(ctx, sh.err, root.ExecuteContext(ctx))
}
