package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The namespaces of what is measured and of what it is compared with.
const (
	namespace = "hellox-bench"
	usual     = "hellox-usual"
)

// A bench is one run: the programs, and the figures so far.
type bench struct {
	cluster  string
	rounds   int
	skaffold string   // path; "": it is not measured
	onlyTLS  bool     // measure what TLS costs, and nothing else
	dir      string   // folder of this run's files
	source   string   // the repository's root
	programs []string // one a round and one before, each another to the byte
	page     string   // URL of the page
	figures  figures
}

// prepare builds rounds+1 programs that differ, as a change of one word would
// make them differ, with the flags of a release.
func (b *bench) prepare(ctx context.Context) (err error) {
	if b.source, err = filepath.Abs(".."); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "hellox-bench-"); err != nil {
		return err
	}
	for i := range b.rounds + 1 {
		path := filepath.Join(b.dir, fmt.Sprintf("hellox-%d", i))
		fmt.Fprintf(os.Stderr, "building %d of %d\n", i+1, b.rounds+1)
		// The linker's flags are part of the build id, which is in the program.
		c := b.command(ctx, "go", "build", "-trimpath", "-buildvcs=false",
			"-ldflags", fmt.Sprintf("-s -w -X main.round=%d-%d", os.Getpid(), i), "-o", path, "./cmd/hellox")
		c.Dir = b.source
		c.Env = append(c.Env, "CGO_ENABLED=0")
		if _, err := output(c); err != nil {
			return err
		}
		b.programs = append(b.programs, path)
	}
	info, err := os.Stat(b.programs[0])
	if err != nil {
		return err
	}
	b.figures.add("size of the program", "MB", "< 60", float64(info.Size())/1e6)
	return nil
}

// clear removes all installations.
func (b *bench) clear(ctx context.Context) error {
	if err := b.down(ctx); err != nil {
		return err
	}
	if _, err := output(b.kubectl(ctx, "delete", "namespace", usual, bySkaffold, "--ignore-not-found")); err != nil || b.skaffold == "" {
		return err
	}
	left, err := output(b.command(ctx, "docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "hellox.bench/skaffold"))
	for _, image := range strings.Fields(left) {
		_, removed := output(b.command(ctx, "docker", "rmi", image))
		err = errors.Join(err, removed)
	}
	return err
}

// command prepares one with a state folder of this run's own.
func (b *bench) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(b.dir, "state"))
	c.WaitDelay = time.Second // a process that is left behind may hold the pipes
	return c
}

func (b *bench) kubectl(ctx context.Context, args ...string) *exec.Cmd {
	return b.command(ctx, "kubectl", append([]string{"--context", "kind-" + b.cluster}, args...)...)
}

// output runs c and returns its stdout; the error holds its stderr.
func output(c *exec.Cmd) (string, error) {
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, said.String())
	}
	return out.String(), nil
}

// An event is a line of up --output json (docs/events.schema.json).
type event struct {
	Step, State, Detail string
	MS                  float64
	Web                 string
}

// up brings the program up, and returns its steps and how long it took.
func (b *bench) up(ctx context.Context, program string, more ...string) ([]event, time.Duration, error) {
	began := time.Now()
	args := []string{"up", "--target", "kind", "--profile", b.cluster, "--namespace", namespace,
		"--web-port", "0", "--mqtt-port", "0", "--detach", "--output", "json"}
	out, err := output(b.command(ctx, program, append(args, more...)...))
	took := time.Since(began)
	if err != nil {
		return nil, 0, err
	}
	var events []event
	for line := range strings.Lines(out) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, 0, fmt.Errorf("%w in %s", err, line)
		}
		if e.State == "done" {
			fmt.Fprintf(os.Stderr, "  %-9s %6.3f s  %s\n", e.Step, e.MS/1000, e.Detail)
		}
		events = append(events, e)
	}
	if page := events[len(events)-1].Web; page != b.page { // it is read meanwhile, and stays
		b.page = page
	}
	return events, took, nil
}

func (b *bench) down(ctx context.Context) error {
	_, err := output(b.command(ctx, b.programs[0], "down", "--target", "kind", "--profile", b.cluster, "--namespace", namespace))
	return err
}
