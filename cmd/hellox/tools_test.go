//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"hellox/bootstrap/run/runtest"
)

// hang is a tool that never answers.
const hang = "exec /bin/sleep 600"

// install puts scripts of the tools' names first in h's PATH.
func (h *home) install(t *testing.T, script string, tools ...string) {
	t.Helper()
	bin := filepath.Join(filepath.Dir(h.root), "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := exec.LookPath("hellox")
	if err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "PATH="+bin+string(filepath.ListSeparator)+filepath.Dir(self))
}

// TestHungTools asks tools that never answer: each is named and given up, status
// shows what is on this machine before, and what needs no cluster does not ask.
func TestHungTools(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.install(t, hang, "docker", "minikube", "kind")
	h.up(t, "hellox")

	asked := new(sync.WaitGroup)
	asked.Go(func() {
		cmd := exec.Command("hellox", "status")
		cmd.Env = h.env
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		runtest.Bind(cmd)
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
		inOrder(t, both.String(), "local · hellox  running", "waiting for docker ps", "docker ps has not answered: gave up after 5s")
		inOrder(t, both.String(), "local · hellox  running", "waiting for minikube profile list", "minikube profile list has not answered: gave up after 5s")
	})
	for name, tool := range map[string]string{"kind": "docker ps", "minikube": "minikube profile list"} {
		asked.Go(func() {
			_, errs, code := h.command(t, "up", "--target", name)
			if code != exitMissing {
				t.Errorf("up --target %s: exit %d", name, code)
			}
			inOrder(t, errs, "waiting for "+tool, "hellox: "+tool+" has not answered: gave up after 5s", "hint: "+tool)
		})
	}
	asked.Go(func() {
		if _, errs, code := h.command(t, "down", "--namespace", "elsewhere"); code != exitMissing || !strings.Contains(errs, "has not answered") {
			t.Errorf("down of a name that is not here: exit %d: %s", code, errs)
		}
	})
	asked.Go(func() {
		if _, errs, code := h.command(t, "publish", "hi"); code != 0 || strings.Contains(errs, "waiting") {
			t.Errorf("publish: exit %d: %s", code, errs)
		}
	})
	asked.Wait()
}

// TestBrokenCluster has a kind cluster of another user that is half deleted: its
// container is there, and nothing else answers. What there is besides is shown.
func TestBrokenCluster(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.install(t, `[ "$1" = ps ] && echo "gone-control-plane|Up 3 hours|127.0.0.1:1->6443/tcp|gone"`, "docker")
	h.up(t, "hellox")
	out, errs, code := h.command(t, "status")
	if code != 0 || !strings.Contains(out, "local · hellox  running") || !strings.Contains(errs, `kind cluster "gone"`) {
		t.Errorf("status: exit %d: %s%s", code, out, errs)
	}
	out, errs, code = h.command(t, "status", "--output", "json")
	if code != 0 || !strings.Contains(out, `"unknown":["kind cluster \"gone\" `) {
		t.Errorf("status: exit %d: %s%s", code, out, errs)
	}
	for range 2 {
		if _, errs, code := h.command(t, "down"); code != 0 {
			t.Errorf("down: exit %d: %s", code, errs)
		}
	}
	if _, errs, code := h.command(t, "status"); code != exitMissing || !strings.Contains(errs, `kind cluster "gone"`) || !strings.Contains(errs, "hint: ") {
		t.Errorf("status of nothing else: exit %d: %s", code, errs)
	}
}

// inOrder checks that text has each of the parts after the one before.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("no %q in its place in:\n%s", part, text)
			return
		}
		rest = after
	}
}
