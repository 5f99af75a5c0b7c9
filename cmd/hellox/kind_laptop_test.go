package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

// An otherLaptop is a machine whose processor is not the nodes': hellox as it is built
// for the other architecture, run by the emulator of its instructions.
type otherLaptop struct {
	rig      *kindRig
	emulator string
	arch     string // of hellox there
	nodes    string // architecture of the nodes
	dir      string // folder of its hellox, outside any clone
	built    chan error
}

// newOtherLaptop begins to build the laptop's hellox, which takes a minute the first
// time; testKindOtherLaptop waits for it.
func newOtherLaptop(t *testing.T, r *kindRig) *otherLaptop {
	t.Helper()
	l := &otherLaptop{rig: r, nodes: runtime.GOARCH, arch: "arm64", dir: filepath.Join(r.dir, "laptop"), built: make(chan error, 1)}
	names := []string{"qemu-aarch64-static", "qemu-aarch64"}
	if l.nodes == "arm64" {
		l.arch, names = "amd64", []string{"qemu-x86_64-static", "qemu-x86_64"}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil && l.emulator == "" {
			l.emulator = path
		}
	}
	if l.emulator == "" {
		close(l.built)
		return l
	}
	if err := os.Mkdir(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	build := r.program("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", l.executable(), "./cmd/hellox")
	build.Dir = r.source
	build.Env = append(build.Env, "CGO_ENABLED=0", "GOARCH="+l.arch)
	go func() {
		defer close(l.built)
		if out, err := build.CombinedOutput(); err != nil {
			l.built <- fmt.Errorf("build hellox for %s: %w\n%s", l.arch, err, out)
		}
	}()
	return l
}

func (l *otherLaptop) executable() string { return filepath.Join(l.dir, "hellox") }

// command prepares one of the laptop's hellox, in a working folder.
func (l *otherLaptop) command(dir string, args ...string) *exec.Cmd {
	c := l.rig.program(l.emulator, append([]string{l.executable()}, args...)...)
	c.Dir = dir
	return c
}

// testKindOtherLaptop runs up on a laptop that is not the node: without anything that
// can run on the node, with a release's executable for it, and with Go at hand.
func testKindOtherLaptop(t *testing.T, r *kindRig) {
	l := r.laptop
	if err := <-l.built; err != nil {
		t.Fatal(err)
	}
	if l.emulator == "" {
		needed(t, "qemu-user-static")
	}
	selected := []string{"--target", "kind", "--profile", r.cluster, "--namespace", "hellox-laptop"}
	up := append([]string{"up", "--web-port", "0", "--mqtt-port", "0"}, selected...)
	out, _ := r.do(t, l.command(l.dir, "version"))
	contains(t, "version", out, "linux/"+l.arch)

	l.without(t, up)
	released := filepath.Join(l.dir, "hellox-linux-"+l.nodes)
	if err := os.Link(r.hellox, released); err != nil {
		t.Fatal(err)
	}
	said := l.hold(t, l.dir, up, selected)
	contains(t, "up with a release's executable", said, " packed", "on node "+r.node, "21 objects applied", "rolled out")
	if strings.Contains(said, "built and packed") {
		t.Errorf("up built though a release's executable was there:\n%s", said)
	}

	if err := os.Remove(released); err != nil {
		t.Fatal(err)
	}
	said = l.hold(t, r.source, up, selected)
	contains(t, "up with Go at hand", said, "built and packed", "rolled out, unchanged")

	r.do(t, l.command(l.dir, append([]string{"down"}, selected...)...))
	if left := r.kubectl(t, "get", "namespace", "hellox-laptop", "--ignore-not-found", "-o", "name"); left != "" {
		t.Errorf("after down there is %s", left)
	}
}

// without runs up where there is nothing that the nodes could run.
func (l *otherLaptop) without(t *testing.T, up []string) {
	t.Helper()
	code, _, said := outcome(t, l.command(l.dir, up...))
	if code != 3 {
		t.Errorf("up without an executable for the node ended with %d", code)
	}
	contains(t, "up without an executable for the node", said,
		"this hellox cannot run on the nodes (linux/"+l.nodes+"): it is for another processor ("+l.arch+")", "its source is not here",
		"hint: CGO_ENABLED=0 GOOS=linux GOARCH="+l.nodes+" go build ./cmd/hellox", "hellox-linux-"+l.nodes+" beside "+l.executable())
	if strings.Contains(said, "applied") {
		t.Errorf("up without an executable for the node applied something:\n%s", said)
	}
	if made := l.rig.kubectl(t, "get", "namespace", "hellox-laptop", "--ignore-not-found", "-o", "name"); made != "" {
		t.Errorf("up without an executable for the node made %s", made)
	}
}

// hold brings it up from a working folder, sees a message through its forward, and ends
// it. What the nodes run is, to the byte, what this machine's hellox brings them.
func (l *otherLaptop) hold(t *testing.T, dir string, up, selected []string) (said string) {
	t.Helper()
	began := time.Now()
	held := l.rig.foreground(t, l.command(dir, up...))
	page := held.wait(t, `the page +(http://\S+)`)
	t.Logf("up of linux/%s took %s", l.arch, time.Since(began).Round(100*time.Millisecond))
	here := &kindRig{page: page}
	until(t, "the page has a message of ours", func() bool {
		return slices.ContainsFunc(here.messages(t, 0, nil), func(m stream.Message) bool { return m.Ours })
	})
	if images := l.rig.podImages(t, "hellox-laptop"); len(images) != 1 || images[0] != l.rig.image {
		t.Errorf("the pods run %v, and of this machine's hellox %s", images, l.rig.image)
	}
	out, _ := l.rig.do(t, l.command(l.dir, append([]string{"watch", "-n", "1", "--output", "json"}, selected...)...))
	contains(t, "watch", out, `"topic":"hello_world/broadcast/broadcast-0"`)
	if err := held.interrupt(t); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Error(err)
	}
	return held.said(t)
}
