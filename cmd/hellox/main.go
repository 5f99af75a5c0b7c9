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
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"hellox/bootstrap/cluster"
	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/interrupt"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/sqlitefile"
	"hellox/tui/noquery"
)

func main() {
	noquery.Restore()
	var held interrupt.Signals
	sh := shell{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.LookupEnv, environ: os.Environ()}
	sh.hold = func() (release func()) { return held.Hold(os.Interrupt) }
	if rereads(os.Args[1:]) {
		sh.hangupEnds = held.Hold(syscall.SIGHUP)
	}
	ctx, stop := held.Context(context.Background(), os.Interrupt, syscall.SIGTERM)
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

// run is the whole program: it ends with one of the exit codes below.
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

// The exit codes of every command.
const (
	exitDone        = 0   // also "nothing to do"
	exitFailed      = 1   // it failed
	exitUsage       = 2   // the command line is wrong or ambiguous
	exitMissing     = 3   // something it needs is missing or not running
	exitUnsafe      = 4   // refused for safety
	exitInterrupted = 130 // by SIGINT or SIGTERM
)

// failure is an error with its exit code and a hint: the next command to type.
type failure struct {
	err  error
	code int
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// usage returns the error of a wrong command line.
func usage(sentence, hint string) error {
	return &failure{errors.New(sentence), exitUsage, hint}
}

// missing returns the error of something that the command needs and that does not exist.
func missing(err error, hint string) error {
	return &failure{err, exitMissing, hint}
}

// failed returns any other error with a hint.
func failed(err error, hint string) error {
	return &failure{err, exitFailed, hint}
}

// storageError returns err, the error of starting i, which stores in dir, as a
// sentence with a hint if the disk is full or the folder cannot be written to.
func storageError(i state.Installation, dir state.Dir, err error) error {
	denied := new(fs.PathError)
	switch {
	case isFull(err):
		return failed(fmt.Errorf("start %s: the disk of %s is full", i, dir), "df -h "+filepath.Dir(string(dir)))
	case errors.Is(err, syscall.EROFS), errors.As(err, &denied) && errors.Is(denied, fs.ErrPermission):
		return failed(fmt.Errorf("start %s: %w", i, err), `XDG_STATE_HOME="$HOME/hellox-state" hellox up `+i.Flags())
	}
	return err
}

// commandFor returns a hellox command for i, such as "hellox watch", with the flags that
// select i unless it is the only installation on record.
func commandFor(sh shell, words string, i state.Installation) string {
	all, err := selection{}.recorded(sh)
	if err == nil && len(all) == 1 && all[0].Installation == i {
		return words
	}
	return words + " " + i.Flags()
}

// isFull reports whether err is that of a full disk.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || sqlitefile.IsFull(err) }

// errReported is the error of a command that has already reported its failure; its
// value is the exit code.
type errReported int

func (e errReported) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report writes err as one sentence and its hint, and returns the exit code.
func report(ctx context.Context, w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	if reported := errReported(0); errors.As(err, &reported) {
		return int(reported)
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())) {
		return exitInterrupted
	}
	code, hint := exitFailed, ""
	if f := new(failure); errors.As(err, &f) {
		code, hint = f.code, f.hint
	} else if b := new(step.Error); errors.As(err, &b) {
		code, hint = codeOf(b.Kind), b.Hint
	} else {
		hint = hintOf(err)
	}
	text, silent := sentence(err)
	if silent && hint == "" {
		code, hint = exitMissing, "hellox doctor, or try again"
	}
	fmt.Fprintf(w, "hellox: %s\n", output.OneLine(text))
	for _, line := range step.Evidence(err) {
		fmt.Fprintf(w, "        %s\n", output.OneLine(line))
	}
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", output.OneLine(hint))
	}
	return code
}

// sentence returns the text of err. That the API server of a cluster gave no answer,
// which only it has an https address for, is said in place of Go's words for it.
func sentence(err error) (text string, silent bool) {
	request, ok := errors.AsType[*url.Error](err)
	if !ok || !strings.HasPrefix(request.URL, "https://") {
		return err.Error(), false
	}
	e := cluster.Silence(request.Err)
	if e == nil {
		return err.Error(), false
	}
	return strings.ReplaceAll(err.Error(), request.Error(), "the cluster's API server does not answer: "+e.Error()), true
}

// codeOf is the exit code of a step.Error.
func codeOf(k step.Kind) int {
	switch k {
	case step.Ambiguous:
		return exitUsage
	case step.Missing:
		return exitMissing
	case step.Unsafe:
		return exitUnsafe
	}
	return exitFailed
}

// hintOf is the hint of an error that has one as data, or "".
func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}
