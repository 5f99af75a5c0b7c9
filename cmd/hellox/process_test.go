package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hellox/bootstrap/run/runtest"
	"hellox/cmd/hellox/state"
	"hellox/stream/streamtest"
)

// A process is a hellox that a test starts, kills and starts again.
type process struct {
	t    testing.TB
	args []string
	env  []string // nil: this process's
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func startProcess(t testing.TB, dir, name string, args ...string) *process {
	t.Helper()
	return startProcessIn(t, nil, dir, name, args...)
}

// startProcessIn starts a hellox with an environment of its own.
func startProcessIn(t testing.TB, env []string, dir, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, args: args, env: env, log: filepath.Join(dir, name+".log")}
	p.start()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			b, _ := os.ReadFile(p.log)
			t.Logf("the end of the log of %s:\n%s", name, b[max(0, len(b)-4000):])
		}
	})
	return p
}

func (p *process) start() {
	p.t.Helper()
	f, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	p.cmd = exec.Command("hellox", p.args...)
	p.cmd.Env = p.env
	p.cmd.Stdout, p.cmd.Stderr = f, f
	runtest.Bind(p.cmd)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		p.err = cmd.Wait()
		close(done)
	}(p.cmd, p.done)
}

// kill ends it as a crash would: SIGKILL.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// term ends it as an operator would, and returns what it ended with.
func (p *process) term() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return p.err
	case <-time.After(time.Minute):
		return errors.New("still there a minute after SIGTERM")
	}
}

// until polls every 20 ms until ok, and fails the test after a while that is long enough
// for a busy machine.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within three minutes: %s", what)
		}
	}
}

// startBroker runs a broker and returns its URL once it listens.
func startBroker(t testing.TB) string {
	t.Helper()
	address := freeAddress(t)
	dir := t.TempDir()
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+address, "--store", filepath.Join(dir, "store"))
	until(t, "the broker listens", func() bool {
		select {
		case <-broker.done:
			t.Fatalf("the broker ended: %v", broker.err)
		default:
		}
		return exec.Command("hellox", "publish", "x", "--topic", "up", "--broker", "mqtt://"+address).Run() == nil
	})
	return "mqtt://" + address
}

// freeAddress returns a loopback address that nothing listens on, and which stays this
// test's.
func freeAddress(t testing.TB) string { return streamtest.FreeAddress(t) }

// get reads the JSON that url answers into v.
func get(url string, v any) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// freeport NAME…: sets each variable to a port that nobody listens on.
func freeport(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		address, release, err := streamtest.HoldAddress()
		ts.Check(err)
		ts.Defer(release)
		_, port, _ := net.SplitHostPort(address)
		ts.Setenv(name, port)
	}
}

// jsonl N KEY…: stdout is N lines, each a JSON object that has the keys.
func jsonl(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	if got := fmt.Sprint(len(lines)); got != args[0] {
		ts.Fatalf("%s lines, want %s", got, args[0])
	}
	for _, line := range lines {
		var object map[string]any
		ts.Check(json.NewDecoder(bytes.NewBufferString(line)).Decode(&object))
		for _, key := range args[1:] {
			if _, ok := object[key]; !ok {
				ts.Fatalf("no %q in %s", key, line)
			}
		}
	}
}

// endHolders ends what a script left running in the background.
func endHolders(home string) {
	root := filepath.Join(home, "state", "hellox")
	all, _ := state.List(root)
	for _, r := range all {
		if r.Owner != nil {
			if p, err := os.FindProcess(r.Owner.PID); err == nil {
				p.Kill()
			}
		}
	}
}

// TestVerbOnce holds that a failed command says what it did once.
func TestVerbOnce(t *testing.T) {
	broker := startBroker(t)
	for _, words := range [][]string{
		{"publish", "hi", "--topic", "$SYS/x", "--broker", broker},
		{"tell", "broadcast-9", "identify", "--broker", broker},
	} {
		out, err := exec.Command("hellox", words...).CombinedOutput()
		sentence, _, _ := strings.Cut(string(out), "\n")
		if err == nil || strings.Count(sentence, words[0]+" ") != 1 || strings.Contains(sentence, "ask ") {
			t.Errorf("hellox %s: %v\n%s", strings.Join(words, " "), err, out)
		}
	}
}

// TestDeniedFilter holds that a hellox broker's reason is told, which is not about
// rights here.
func TestDeniedFilter(t *testing.T) {
	filter := strings.Repeat("a/", 17) + "#"
	out, err := exec.Command("hellox", "watch", startBroker(t), "--topic", filter, "--output", "plain").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "has 18 levels; at most 16") || strings.Contains(string(out), "may not read") {
		t.Errorf("%v\n%s", err, out)
	}
}
