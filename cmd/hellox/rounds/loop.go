package rounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hellox/bootstrap"
	"hellox/bootstrap/sources"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
)

// A Loop builds and rolls out again each time that sources change.
type Loop struct {
	Up      bootstrap.UpOptions // as it brought the installation up
	Page    string              // URL of the receiver
	Timeout time.Duration       // of a round
	Steps   *output.Steps

	fromSource bool // this program is built anew when it changes
}

// Run takes rounds until ctx ends. An error of a round is told, and what ran before
// still runs.
func (l *Loop) Run(ctx context.Context) error {
	trees, fromSource, err := treesOf(l.Up)
	l.fromSource = fromSource
	if err != nil {
		return err
	}
	watcher, err := sources.New(trees)
	if err != nil {
		return err
	}
	defer watcher.Close()
	paths := make([]string, len(trees))
	for i, t := range trees {
		paths[i] = t.Path
	}
	l.Steps.Note("watching " + strings.Join(paths, ", "))
	stopWarming := l.warm(ctx)
	defer stopWarming()
	for {
		change, err := watcher.Next(ctx)
		stopWarming()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		l.round(ctx, change)
		if ctx.Err() != nil {
			l.Steps.Drop()
			return nil
		}
	}
}

// warm builds this program once in the background, so that the compiler's cache holds
// what does not change, and returns how to stop that.
func (l *Loop) warm(ctx context.Context) (stop func()) {
	if !l.fromSource {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = l.Up.Packer.BuildSource(ctx, l.Up.Cluster.Arch) // a round tells the error
	}()
	return func() {
		cancel()
		<-done
	}
}

// apply builds and rolls out what has changed.
func (l *Loop) apply(ctx context.Context, change sources.Change, reporter step.Reporter) error {
	if l.fromSource && slices.Contains(change.Names, program) {
		l.Steps.Progress("go build")
		path, err := l.Up.Packer.BuildSource(ctx, l.Up.Cluster.Arch)
		if err != nil {
			return err
		}
		l.Up.Packer.Executable = path
	}
	return bootstrap.Up(ctx, l.Up, reporter)
}

// round takes one, and says what came of it.
func (l *Loop) round(ctx context.Context, change sources.Change) {
	what := strings.Join(change.Names, ", ")
	ctx, cancel := context.WithTimeoutCause(ctx, l.Timeout, fmt.Errorf("it took longer than --timeout %s", l.Timeout))
	defer cancel()
	l.Steps.Begin("round")
	l.Steps.Progress(what)
	before, err := podsOf(ctx, l.Up)
	reporter := &folded{steps: l.Steps}
	if err == nil {
		err = l.apply(ctx, change, reporter)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		if errors.Is(cause, context.Canceled) {
			return // Ctrl-C
		}
		err = cause
	}
	if err != nil {
		l.Steps.Round("what ran before still runs", time.Since(change.Began), err)
		for _, line := range step.Evidence(err) {
			l.Steps.Note(line)
		}
		return
	}
	rolledOut := time.Since(change.Began)
	if !reporter.changed {
		l.Steps.Round(what+" built: nothing that runs has changed", rolledOut, nil)
		return
	}
	l.Steps.Progress("waiting for the first message")
	found, err := l.firstMessage(ctx, l.Up, before, change.Began)
	after := time.Since(change.Began)
	switch {
	case errors.Is(context.Cause(ctx), context.Canceled):
	case err != nil:
		l.Steps.Round(fmt.Sprintf("%s rolled out after %.1f s; %s", what, rolledOut.Seconds(), err), after, nil)
	default:
		l.Steps.Round(fmt.Sprintf("%s rolled out, first message of %s after %.1f s", what, found, after.Seconds()), after, nil)
	}
}

// folded is a step.Reporter that shows the steps of a round as the progress of one.
type folded struct {
	steps   *output.Steps
	name    string
	changed bool // something that runs
}

func (f *folded) Begin(name string) {
	f.name = name
	f.steps.Progress(name)
}

func (f *folded) Progress(detail string) { f.steps.Progress(f.name + ": " + detail) }

func (f *folded) Done(_ string, unchanged bool) {
	f.changed = f.changed || f.name == step.Apply && !unchanged
}

func (f *folded) Fail(error) {}

// Warn is shown as it is: the round waits for it.
func (f *folded) Warn(text string) { f.steps.Warn(text) }

func (f *folded) Note(string) {}
