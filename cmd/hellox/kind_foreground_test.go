package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A foreground is a command that holds what it brought up until it is interrupted.
type foreground struct {
	cmd  *exec.Cmd
	log  string // file of what it prints
	done chan struct{}
	err  error // once done is closed
}

// foreground starts c; it is killed when the test ends, if it has not ended.
func (r *kindRig) foreground(t *testing.T, c *exec.Cmd) *foreground {
	t.Helper()
	log, err := os.CreateTemp(r.dir, filepath.Base(c.Path)+"-*.log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	f := &foreground{cmd: c, log: log.Name(), done: make(chan struct{})}
	go func() { f.err = c.Wait(); close(f.done) }()
	t.Cleanup(func() {
		c.Process.Kill()
		<-f.done
	})
	return f
}

// said is all that it has printed.
func (f *foreground) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(f.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wait waits until it has printed what matches the pattern, and returns the first
// group of that, if it has one.
func (f *foreground) wait(t *testing.T, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ended := false
		select {
		case <-f.done:
			ended = true
		default:
		}
		if match := wanted.FindStringSubmatch(f.said(t)); match != nil {
			return match[len(match)-1]
		}
		if ended || time.Now().After(deadline) {
			t.Fatalf("%s did not say %q:\n%s", strings.Join(f.cmd.Args, " "), pattern, f.said(t))
		}
	}
}

// interrupt ends it as Ctrl-C does, and returns what it ended with.
func (f *foreground) interrupt(t *testing.T) error {
	t.Helper()
	if err := f.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.done:
	case <-time.After(time.Minute):
		t.Fatalf("%s does not end:\n%s", strings.Join(f.cmd.Args, " "), f.said(t))
	}
	return f.err
}
