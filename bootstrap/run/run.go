package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"hellox/bootstrap/step"
)

// A Runner runs other programs with an environment of its own, so that no
// variable of a user's shell directs them elsewhere unnoticed.
type Runner struct {
	env []string

	mu         sync.Mutex
	waiting    func(questions []string) // nil: not called
	unanswered []*unanswered
	silent     map[string]*step.Error // by the question that was not answered
}

// New takes the environment as os.Environ gives it. A shell that has
// evaluated `minikube docker-env` points every docker client into minikube's
// node, where no kind cluster is and none should be created: those variables are
// restored to what minikube recorded.
func New(environ []string) *Runner {
	r := &Runner{env: slices.Clone(environ), silent: make(map[string]*step.Error)}
	if r.Getenv("MINIKUBE_ACTIVE_DOCKERD") == "" {
		return r
	}
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"} {
		r.set(name, r.Getenv("MINIKUBE_EXISTING_"+name))
		r.set("MINIKUBE_EXISTING_"+name, "")
	}
	r.set("MINIKUBE_ACTIVE_DOCKERD", "")
	return r
}

// Getenv returns the variable's value in the runner's environment.
func (r *Runner) Getenv(name string) string {
	for _, kv := range slices.Backward(r.env) {
		if k, v, _ := strings.Cut(kv, "="); k == name {
			return v
		}
	}
	return ""
}

// Home returns the user's home folder in the runner's environment, where programs
// look for their own files.
func (r *Runner) Home() string {
	if runtime.GOOS == "windows" {
		return r.Getenv("USERPROFILE")
	}
	return r.Getenv("HOME")
}

// set gives the variable that value; "" removes it.
func (r *Runner) set(name, value string) {
	r.env = slices.DeleteFunc(r.env, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
	if value != "" {
		r.env = append(r.env, name+"="+value)
	}
}

// Look returns the path of a program, found in the runner's own PATH.
func (r *Runner) Look(name string) (string, bool) {
	for _, dir := range filepath.SplitList(r.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // never a program in the working directory
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, true
		}
	}
	return "", false
}

// A Command is one run of a program.
type Command struct {
	Name  string
	Args  []string
	Dir   string   // working directory; "" is this process's
	Env   []string // on top of the runner's
	Stdin io.Reader
	// Line and ErrLine, if not nil, are called with each line of stdout and of
	// stderr as it comes, each from a goroutine of its own.
	Line, ErrLine func(string)
	// Stdout, if not nil, gets what the program writes; it is not in the Output.
	Stdout io.Writer
}

// Output is what a program wrote.
type Output struct {
	Stdout, Stderr string
}

// An ExitError is the error of a program that ran and did not exit with 0.
type ExitError struct {
	Program string
	Code    int    // -1 if a signal ended it
	Ended   string // "signal: killed" then
	Output
}

// Error returns the program's last line on stderr, or its exit code.
func (e *ExitError) Error() string {
	if line := e.LastLine(); line != "" {
		return e.Program + ": " + line
	}
	if e.Code < 0 && e.Ended != "" {
		return fmt.Sprintf("%s was ended by a signal (%s)", e.Program, strings.TrimPrefix(e.Ended, "signal: "))
	}
	return fmt.Sprintf("%s ended with exit code %d", e.Program, e.Code)
}

// LastLine returns the last line that the program wrote to stderr, without its
// own name before it; "" if there is none.
func (e *ExitError) LastLine() string {
	lines := strings.Split(strings.TrimSpace(e.Stderr), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	return strings.TrimPrefix(last, e.Program+": ")
}

// Run runs the program to its end. When ctx ends it is asked to stop, and
// killed a second later. The error is the context's, or an *ExitError, or
// an *Error of kind Missing if there is no such program.
func (r *Runner) Run(ctx context.Context, c Command) (Output, error) {
	path, ok := r.Look(c.Name)
	if !ok {
		return Output{}, &step.Error{Kind: step.Missing, Sentence: c.Name + " is not installed"}
	}
	cmd := exec.CommandContext(ctx, path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(slices.Clone(r.env), c.Env...)
	cmd.Stdin = c.Stdin
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.Line != nil {
		cmd.Stdout = io.MultiWriter(&stdout, &lineWriter{line: c.Line})
	}
	if c.ErrLine != nil {
		cmd.Stderr = io.MultiWriter(&stderr, &lineWriter{line: c.ErrLine})
	}
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	err := cmd.Run()
	out := Output{stdout.String(), stderr.String()}
	if ctx.Err() != nil {
		return out, context.Cause(ctx)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return out, &ExitError{Program: c.Name, Code: exit.ExitCode(), Ended: exit.String(), Output: out}
	}
	if err != nil {
		return out, fmt.Errorf("run %s: %w", c.Name, err)
	}
	return out, nil
}

// Detach starts a program that continues when this process ends, if there is
// such a program. Its result is not known.
func (r *Runner) Detach(name string, args ...string) {
	path, ok := r.Look(name)
	if !ok {
		return
	}
	cmd := exec.Command(path, args...) //nolint:noctx // it outlives its caller
	cmd.Env = r.env
	detach(cmd)
	if cmd.Start() == nil {
		_ = cmd.Process.Release()
	}
}

// ExitCode returns the code that a program ended with; ok is false if err
// is nil or something else.
func ExitCode(err error) (code int, ok bool) {
	exit := (*ExitError)(nil)
	if !errors.As(err, &exit) {
		return 0, false
	}
	return exit.Code, true
}

// A lineWriter calls line with each whole line written to it.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		w.line(strings.TrimRight(string(line), "\r"))
		w.rest = rest
	}
}
