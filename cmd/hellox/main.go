// Command hellox runs an MQTT stream on a local Kubernetes cluster and shows it in
// the terminal and the browser.
//
//	main ─► run ─► newRoot ─┬─ up, down, scale, status, logs ──► bootstrap, state
//	         │              ├─ watch, open, publish, tell ─────► tui, history, stream/mqtt
//	         │              └─ broker, nats, broadcast, receive ► one role each, for a pod
//	         └─ report: the error, its hint, the exit code
//
// This folder holds one file a subcommand, and is the only place that knows
// every package. What a command needs comes in as parameters; exit codes and
// the globals of package os live in main. What a machine records is in state,
// what a terminal is shown in output, a role's probes and log in ops.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"hellox/bootstrap/cluster"
	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/cmd/hellox/interrupt"
	"hellox/cmd/hellox/output"
	"hellox/tui/noquery"
)

func main() {
	noquery.Restore()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// A terminal that was closed ends the command in order; under nohup it does not.
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	var held interrupt.Signals
	sh := shell{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, environ: os.Environ()}
	sh.hold = func() (release func()) { return held.Hold(os.Interrupt) }
	if rereads(os.Args[1:]) { // first of all: a role that has just been started may be told
		sh.hangupEnds = held.Hold(syscall.SIGHUP)
	}
	ctx, stop := held.Context(context.Background(), signals...)
	code := run(ctx, os.Args[1:], sh)
	stop()
	os.Exit(code)
}

// rereads reports whether a command line is of a role that SIGHUP has read its files anew.
func rereads(args []string) bool {
	role, subcommand := append(args, "", "")[0], append(args, "", "")[1]
	return slices.Contains([]string{"broker", "nats", "receive"}, role) && subcommand != "passwd"
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
	// hold leaves Ctrl-C to another program on the terminal, until released; nil: there
	// is nothing to hold.
	hold func() (release func())
	// hangupEnds is called by a role that reads no files anew: SIGHUP ends it. nil: it does
	// anyhow.
	hangupEnds func()
	// runner runs other programs; set by run.
	runner *bootrun.Runner
	// clusters are this machine's providers of clusters; nil where each question is
	// asked anew.
	clusters []cluster.Provider
	// data is out for what is written without a look at the error: run looks.
	data *output.Checked
}

// run is the whole program: it ends with an exit code of the table in errors.go.
func run(ctx context.Context, args []string, sh shell) int {
	sh.runner = bootrun.New(sh.environ).OnWaiting(output.NewSteps(sh.out, sh.err, sh.env, false).Waiting)
	sh.data = &output.Checked{W: sh.out}
	if sh.hangupEnds == nil {
		sh.hangupEnds = func() {}
	}
	root := newRoot(sh)
	root.SetArgs(args)
	root.SetIn(sh.in)
	root.SetOut(sh.data)
	root.SetErr(sh.err)
	// cobra shows the help of hellox for "hellox nothing --help".
	completing := len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
	if cmd, rest, err := root.Find(args); err == nil && cmd == root && !completing {
		if i := slices.IndexFunc(rest, func(s string) bool { return !strings.HasPrefix(s, "-") }); i >= 0 {
			return report(ctx, sh.err, root.Args(root, rest[i:]))
		}
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = sh.data.Err()
	}
	return report(ctx, sh.err, err)
}
