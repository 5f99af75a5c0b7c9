//go:build linux

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hellox/bootstrap/run/runtest"
	"hellox/history"
)

// TestFullDiskIsTold fills the disk under a local installation. Every command
// that asks is told that the disk is full, where, and what is needed; none is told
// of rights. When there is room again, that is told too, and nothing is missing.
func TestFullDiskIsTold(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, 24<<20)
	web, mqtt := freeAddress(t), freeAddress(t)
	env := append(os.Environ(), "XDG_STATE_HOME="+disk, "NO_COLOR=1")
	up := startProcessIn(t, env, t.TempDir(), "up", "up", "--target", "local", "--broadcasters", "5", "--web-port", port(t, web), "--mqtt-port", port(t, mqtt))
	stats := func() (s history.Stats) {
		_ = get("http://"+web+"/api/stats", &s)
		return s
	}
	until(t, "it is up", func() bool { return strings.Contains(written(t, up), "Ctrl-C ends it") })
	for _, sender := range []string{"broadcast-0", "broadcast-1", "broadcast-2"} {
		until(t, sender+" is there", func() bool {
			_, code := runHellox(t, env, "tell", sender, "interval", "20ms", "40ms")
			return code == 0
		})
	}
	until(t, "messages are stored", func() bool { return stats().Stored > 20 })

	free := fill(t, disk)
	until(t, "the API tells", func() bool { return stats().Degraded != "" })
	// The history stands on the same disk, and may be the first that finds it full.
	const (
		full        = "isk of the broker's store is full: publishers get no acknowledgement until 12 MiB are free in "
		historyFull = "istory's disk is full: nothing is acknowledged until there is room in "
	)
	tells := func(out string) bool { return strings.Contains(out, full) || strings.Contains(out, historyFull) }
	until(t, "publish tells", func() bool { out, _ := runHellox(t, env, "publish", "hi"); return tells(out) })
	asked := make(chan string, 1)
	go func() { // it waits 5 s for an answer
		out, _ := runHellox(t, env, "tell", "broadcast-9", "identify")
		asked <- out
	}()
	faces := map[string]func() string{
		"the API": func() string { return stats().Degraded },
		"publish": func() string { out, _ := runHellox(t, env, "publish", "hi"); return out },
		"status":  func() string { out, _ := runHellox(t, env, "status"); return out },
		"the log": func() string { out, _ := runHellox(t, env, "logs", "broker", "--tail", "100"); return out },
		"up":      func() string { return written(t, up) },
		"tell":    func() string { return <-asked },
	}
	for face, ask := range faces {
		out := ask()
		if face != "tell" { // what shows a state shows it once that has come there
			until(t, face+" tells", func() bool { out = ask(); return tells(out) })
		}
		if !tells(out) || !strings.Contains(out, disk) || strings.Contains(out, "may not") {
			t.Errorf("%s tells: %s", face, out)
		}
	}
	before := stats().Stored

	free()
	until(t, "the API tells that it is over", func() bool { return stats().Degraded == "" })
	until(t, "up tells that it is over", func() bool { return strings.Contains(written(t, up), "well again") })
	until(t, "messages are stored again", func() bool { return stats().Stored > before+100 })
	if out, code := runHellox(t, env, "publish", "hi"); code != 0 {
		t.Errorf("publish ends with %d: %s", code, out)
	}
	if out, _ := runHellox(t, env, "status"); strings.Contains(out, "degraded") {
		t.Errorf("status tells: %s", out)
	}
	if out, _ := runHellox(t, env, "logs", "broker", "--tail", "100"); !strings.Contains(out, "recovered") {
		t.Errorf("the log tells: %s", out)
	}
	if s := stats(); s.Missed != 0 || s.Degraded != "" {
		t.Errorf("missed %d, degraded %q", s.Missed, s.Degraded)
	}
}

// written returns what a process has written.
func written(t *testing.T, p *process) string {
	t.Helper()
	b, err := os.ReadFile(p.log)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// port returns the port of an address.
func port(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// runHellox runs a command to its end and returns what it wrote and its exit code.
func runHellox(t *testing.T, env []string, args ...string) (string, int) {
	var both bytes.Buffer
	cmd := exec.Command("hellox", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &both, &both
	runtest.Bind(cmd)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Errorf("hellox %s: %v", filepath.Join(args...), err)
		return "", -1
	}
	return both.String(), cmd.ProcessState.ExitCode()
}
