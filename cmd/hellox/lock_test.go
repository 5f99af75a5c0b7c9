//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
	"hellox/cmd/hellox/state"
)

// A home is a state folder of a test's own, on a machine without a tool that knows
// clusters.
type home struct {
	root string // of the installations
	env  []string
}

func newHome(t *testing.T) home {
	t.Helper()
	self, err := exec.LookPath("hellox")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return home{filepath.Join(dir, "hellox"), append(os.Environ(),
		"PATH="+filepath.Dir(self), "HOME="+dir, "XDG_STATE_HOME="+dir, "NO_COLOR=1")}
}

// command runs a hellox and returns what it wrote and its exit code.
func (h home) command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command("hellox", args...)
	cmd.Env = h.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	runtest.Bind(cmd)
	exit := new(exec.ExitError)
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// up starts an up of a local installation, and waits until it answers.
func (h home) up(t *testing.T, namespace string) *process {
	t.Helper()
	p := h.begin(t, namespace)
	until(t, "up", func() bool { return h.answers(t, namespace) })
	return p
}

func (h home) begin(t *testing.T, namespace string) *process {
	t.Helper()
	return startProcessIn(t, h.env, t.TempDir(), "up", "up", "--target", "local", "--namespace", namespace, "--web-port", "0", "--mqtt-port", "0")
}

func (h home) dir(namespace string) state.Dir {
	return state.DirOf(h.root, state.Installation{Target: targetLocal, Namespace: namespace})
}

// answers reports whether a process answers for the local installation.
func (h home) answers(t *testing.T, namespace string) bool {
	return h.dir(namespace).Process(t.Context()).Answers
}

func (h home) status(t *testing.T) map[string]installationStatus {
	t.Helper()
	out, errs, code := h.command(t, "status", "--target", "local", "--output", "json")
	var all struct{ Installations []installationStatus }
	if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 {
		t.Errorf("status: exit %d, %v: %s%s", code, err, out, errs)
	}
	byNamespace := make(map[string]installationStatus)
	for _, s := range all.Installations {
		byNamespace[s.Namespace] = s
	}
	return byNamespace
}

// TestStoppedProcess stops an up by SIGSTOP for longer than a process is given to
// answer: it holds the lock, so it runs, and no other gets its data or its place. It
// goes on as if nothing had been; stopped again, down ends it.
func TestStoppedProcess(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	dir := string(h.dir("hellox"))
	p := h.up(t, "hellox")
	pid := p.cmd.Process.Pid
	p.signal(syscall.SIGSTOP)

	stopped := fmt.Sprintf("process %d runs it, but does not answer", pid)
	asked := new(sync.WaitGroup)
	asked.Go(func() {
		s := h.status(t)["hellox"]
		if !s.Running || s.Forward == nil || s.Forward.PID != pid || s.Forward.Answers || s.Forward.Web == "" || !strings.Contains(s.Cause, "does not answer") {
			t.Errorf("status of a stopped process: %+v of %+v", s, s.Forward)
		}
	})
	asked.Go(func() {
		out, _, _ := h.command(t, "status", "--target", "local")
		if !strings.Contains(out, "hellox  running\n") || !strings.Contains(out, stopped) {
			t.Errorf("status does not say %q:\n%s", stopped, out)
		}
	})
	asked.Go(func() {
		out, _, _ := h.command(t, "doctor", "--target", "local")
		if _, after, found := strings.Cut(out, stopped); !found || !strings.HasPrefix(strings.TrimSpace(strings.SplitN(after+"\n\n", "\n", 3)[1]), "cure: hellox status, or end that process") {
			t.Errorf("doctor beside a stopped process:\n%s", out)
		}
	})
	for _, args := range [][]string{{"up", "--target", "local"}, {"up", "--target", "local", "--detach"}, {"scale", "2", "--target", "local"}} {
		asked.Go(func() {
			_, errs, code := h.command(t, args...)
			if code != exitMissing || !strings.Contains(errs, stopped) || !strings.Contains(errs, fmt.Sprintf("end that process: kill -9 %d", pid)) || strings.Contains(errs, "down") {
				t.Errorf("%v beside a stopped process: exit %d: %s", args, code, errs)
			}
		})
	}
	asked.Wait()
	p.signal(syscall.SIGCONT)
	until(t, "it answers again", func() bool { return h.answers(t, "hellox") })
	if _, errs, code := h.command(t, "publish", "after the stall"); code != 0 {
		t.Errorf("publish after the stall: exit %d: %s", code, errs)
	}

	p.signal(syscall.SIGSTOP)
	_, errs, code := h.command(t, "down", "--target", "local")
	if code != 0 || !strings.Contains(errs, fmt.Sprintf("process %d ended", pid)) {
		t.Errorf("down: exit %d: %s", code, errs)
	}
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("down ended it with %v, not by itself", p.err)
		}
	case <-time.After(time.Minute):
		t.Error("down returned, and the process lives on")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("down left %s: %v", dir, err)
	}
}

// TestDownRacesUp begins an up while three downs remove the one before: a down ends
// well, or leaves the new one alone with a hint; what runs has a whole folder.
func TestDownRacesUp(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	dir := string(h.dir("hellox"))
	for round := range 8 {
		first := h.up(t, "hellox")
		downs := new(sync.WaitGroup)
		for range 3 {
			downs.Go(func() {
				_, errs, code := h.command(t, "down", "--target", "local")
				if code != 0 && !strings.Contains(errs, "hint: ") {
					t.Errorf("round %d: down: exit %d: %s", round, code, errs)
				}
			})
		}
		time.Sleep(time.Duration(round) * 6 * time.Millisecond) // begins at another moment of the downs each time
		second := h.begin(t, "hellox")
		downs.Wait()
		until(t, "the first ends", func() bool { return ended(first) || h.answers(t, "hellox") })
		until(t, "the second is up or has ended", func() bool { return ended(second) || h.answers(t, "hellox") })
		if b, _ := os.ReadFile(second.log); ended(second) && second.err != nil && second.cmd.ProcessState.ExitCode() != exitInterrupted && !bytes.Contains(b, []byte("hint: ")) {
			t.Errorf("round %d: up: %v: %s", round, second.err, b)
		}
		for _, name := range []string{"record.json", "lock", "history.db", "broker"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil && (!ended(first) || !ended(second)) {
				t.Errorf("round %d: one runs in a half-removed folder: %v", round, err)
			}
		}
		if _, errs, code := h.command(t, "down", "--target", "local"); code != 0 {
			t.Fatalf("round %d: the last down: exit %d: %s", round, code, errs)
		}
		until(t, "both end", func() bool { return ended(first) && ended(second) })
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Fatalf("round %d: the last down left %s: %v", round, dir, err)
		}
	}
}

// TestManyDowns begins six downs at once: one removes, the others wait for it.
func TestManyDowns(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for range 3 {
		p := h.up(t, "hellox")
		downs := new(sync.WaitGroup)
		for range 6 {
			downs.Go(func() {
				if _, errs, code := h.command(t, "down", "--target", "local"); code != 0 {
					t.Errorf("down: exit %d: %s", code, errs)
				}
			})
		}
		downs.Wait()
		until(t, "up ends", func() bool { return ended(p) })
		if left, _ := os.ReadDir(h.root); len(left) > 0 {
			t.Errorf("the downs left %v", left)
		}
	}
}

// TestFailedUp begins an up on a port that is taken: no folder is left, neither by
// it nor by the process that --detach begins.
func TestFailedUp(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, more := range [][]string{nil, {"--detach"}} {
		_, errs, code := h.command(t, append([]string{"up", "--target", "local", "--mqtt-port", "0", "--web-port", port}, more...)...)
		if code != exitMissing || !strings.Contains(errs, "is taken") {
			t.Errorf("up %v: exit %d: %s", more, code, errs)
		}
		if left, _ := os.ReadDir(h.root); len(left) > 0 {
			t.Errorf("up %v left %v", more, left)
		}
	}
}

// TestEndedByDown tells the terminal that shows an up what ended it.
func TestEndedByDown(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	p := h.up(t, "hellox")
	if _, errs, code := h.command(t, "down"); code != 0 {
		t.Errorf("down: exit %d: %s", code, errs)
	}
	until(t, "up ends", func() bool { return ended(p) })
	b, err := os.ReadFile(p.log)
	if err != nil || p.err != nil || !bytes.HasSuffix(b, []byte("ended by hellox down\n")) {
		t.Errorf("%v, %v: %s", err, p.err, b)
	}
}

// signal sends p a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
	if s == syscall.SIGSTOP && runtime.GOOS == "linux" {
		// A busy machine stops it some time later, and it answers until then.
		until(p.t, "the process is stopped", func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
			return err == nil && strings.Contains(string(stat), ") T ")
		})
	}
}

// ended reports whether p has ended.
func ended(p *process) bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// TestDamagedRecord damages the record of one installation: the commands of the
// other work, status shows both, and down removes the damaged one.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.up(t, "good")
	bad := string(h.dir("bad"))
	if err := os.MkdirAll(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, "record.json"), []byte(`{"version":2,`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.root, "a file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	all := h.status(t)
	if good := all["good"]; !good.Running || good.Cause != "" {
		t.Errorf("status of the good one: %+v", good)
	}
	if damaged := all["bad"]; damaged.Running || !strings.Contains(damaged.Cause, "damaged") {
		t.Errorf("status of the damaged one: %+v", damaged)
	}
	for _, args := range [][]string{{"scale", "2"}, {"publish", "hi"}, {"watch", "-n", "1", "--output", "json"}} {
		if _, errs, code := h.command(t, args...); code != 0 {
			t.Errorf("%v beside a damaged record: exit %d: %s", args, code, errs)
		}
	}
	if _, errs, code := h.command(t, "publish", "hi", "--namespace", "bad"); code != exitFailed || !strings.Contains(errs, "damaged") || !strings.Contains(errs, "hint: ") {
		t.Errorf("publish to the damaged one: exit %d: %s", code, errs)
	}
	for _, namespace := range []string{"good", "bad"} {
		if _, errs, code := h.command(t, "down", "--namespace", namespace); code != 0 {
			t.Errorf("down of %s: exit %d: %s", namespace, code, errs)
		}
		if _, err := os.Stat(filepath.Join(h.root, "local.."+namespace)); !os.IsNotExist(err) {
			t.Errorf("down left the folder of %s: %v", namespace, err)
		}
	}
}
