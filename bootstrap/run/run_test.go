package run_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A shell that has evaluated `minikube docker-env` does not send us into
// minikube.
func TestRunnerLeavesMinikubesDocker(t *testing.T) {
	for name, c := range map[string]struct {
		environ    []string
		host, cert string
	}{
		"nothing set":         {nil, "", ""},
		"the user's own":      {[]string{"DOCKER_HOST=unix:///run/user/1/docker.sock"}, "unix:///run/user/1/docker.sock", ""},
		"minikube's":          {[]string{"DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_CERT_PATH=/c", "DOCKER_TLS_VERIFY=1", "MINIKUBE_ACTIVE_DOCKERD=minikube"}, "", ""},
		"minikube's over own": {[]string{"DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_CERT_PATH=/c", "MINIKUBE_ACTIVE_DOCKERD=minikube", "MINIKUBE_EXISTING_DOCKER_HOST=unix:///mine", "MINIKUBE_EXISTING_DOCKER_CERT_PATH=/mine"}, "unix:///mine", "/mine"},
	} {
		r := run.New(c.environ)
		if got := r.Getenv("DOCKER_HOST"); got != c.host {
			t.Errorf("%s: DOCKER_HOST is %q", name, got)
		}
		if got := r.Getenv("DOCKER_CERT_PATH"); got != c.cert {
			t.Errorf("%s: DOCKER_CERT_PATH is %q", name, got)
		}
		if r.Getenv("MINIKUBE_ACTIVE_DOCKERD") != "" {
			t.Errorf("%s: a child would still think it is in minikube's Docker", name)
		}
	}
}

func TestRunnerLooksInItsOwnPath(t *testing.T) {
	l := bootstraptest.NewLaptop(t, "minikube")
	if _, ok := l.Runner().Look("minikube"); !ok {
		t.Error("it does not find what is there")
	}
	if _, ok := l.Runner().Look("go"); ok {
		t.Error("it finds what is in our PATH and not in its own")
	}
	t.Chdir(filepath.Join(l.Dir, "bin"))
	if _, ok := run.New([]string{"PATH=."}).Look("minikube"); ok {
		t.Error("it finds what lies in the working folder")
	}
	_, err := run.New(nil).Run(t.Context(), run.Command{Name: "minikube"})
	if e := (*step.Error)(nil); !errors.As(err, &e) || e.Kind != step.Missing {
		t.Errorf("not installed: %v", err)
	}
}

// A program that a signal ended has no exit code.
func TestRunnerNamesSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals")
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "shot"), []byte("#!/bin/sh\nkill -9 $$\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := run.New([]string{"PATH=" + bin}).Run(t.Context(), run.Command{Name: "shot"})
	if err == nil || err.Error() != "shot was ended by a signal (killed)" {
		t.Errorf("%v", err)
	}
}

// A program is asked to end, and not waited for much longer.
func TestRunnerEndsWithItsContext(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it is ended at once")
	}
	l := bootstraptest.NewLaptop(t, "minikube")
	l.Scene("now", bootstraptest.Play{Call: "minikube start", Recording: "docker-start-interrupted/start", Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		bootstraptest.WaitFor(t, "the program", func() bool {
			_, err := os.Stat(filepath.Join(l.Dir, "hanging"))
			return err == nil
		})
	}()
	lines := 0
	out, err := l.Runner().Run(ctx, run.Command{Name: "minikube", Args: []string{"start"}, Line: func(string) { lines++ }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if want, _ := bootstraptest.Recorded(t, "docker-start-interrupted/start"); out.Stdout != want.Stdout || lines == 0 {
		t.Errorf("%d bytes of %d, %d lines", len(out.Stdout), len(want.Stdout), lines)
	}
}

// One that does not listen is made to end.
func TestRunnerDoesNotWaitForever(t *testing.T) {
	sh, ok := run.New(os.Environ()).Look("sh")
	if !ok {
		t.Skip("no shell")
	}
	r := run.New([]string{"PATH=" + filepath.Dir(sh) + ":/bin:/usr/bin"})
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	go func() {
		<-began
		cancel()
	}()
	defer cancel()
	_, err := r.Run(ctx, run.Command{Name: "sh", Args: []string{"-c", "trap '' TERM; echo; while :; do sleep 1; done"}, Line: func(string) { close(began) }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSaid(t *testing.T) {
	for stderr, want := range map[string]string{
		"ctr: archive/tar: invalid tar header\n": "docker: ctr: archive/tar: invalid tar header",
		"":                                       "docker ended with exit code 1",
		"docker: no such container\n":            "docker: no such container",
		"noise before\nError: No such container: x\n\n": "docker: Error: No such container: x",
	} {
		e := &run.ExitError{Program: "docker", Code: 1, Output: run.Output{Stderr: stderr}}
		if e.Error() != want {
			t.Errorf("%q: %q, want %q", stderr, e.Error(), want)
		}
	}
}
