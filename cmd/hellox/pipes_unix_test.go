//go:build unix

package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
	"hellox/stream/streamtest"
)

// runFor runs a shell's line until it ends by itself; after two minutes it is killed, which
// fails the test.
func runFor(t *testing.T, dir, line string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", line)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	cmd.Env = append(os.Environ(), runtest.Variable(), "HOME="+dir)
	runtest.Bind(cmd)
	b, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Errorf("%s: did not end\n%s", line, b)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// makeFIFO puts a FIFO in the place of a file.
func makeFIFO(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// withUsers makes certificates, a user press and an ACL in a folder.
func withUsers(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, code := runFor(t, dir, "hellox certs c && echo press-secret | hellox broker passwd press > users && echo 'write press hello_world/press/#' > acl"); code != 0 {
		t.Fatal(out)
	}
	return dir
}

// TestBrokerRefusesFIFO names a FIFO by each flag of a file: the broker says so and
// ends.
func TestBrokerRefusesFIFO(t *testing.T) {
	t.Parallel()
	dir := withUsers(t)
	makeFIFO(t, filepath.Join(dir, "fifo"))
	for _, flags := range []string{
		"--users fifo --acl acl", "--users users --acl fifo", "--pods fifo", "--tls-cert fifo --tls-key c/server.key", "--tls-cert c/server.crt --tls-key fifo",
	} {
		out, code := runFor(t, dir, "hellox broker --listen mqtt://127.0.0.1:0 "+flags)
		if code != exitUnsafe || !strings.Contains(out, "fifo: it is a pipe, not a regular file") {
			t.Errorf("%s: exit code %d\n%s", flags, code, out)
		}
	}
}

// TestFIFOWhileBrokerRuns puts a FIFO in the place of each file of a broker that runs,
// and then the file: it is read again, and the metrics and the end do not wait.
func TestFIFOWhileBrokerRuns(t *testing.T) {
	t.Parallel()
	dir := withUsers(t)
	ops := freeAddress(t)
	p := startProcess(t, dir, "broker", "broker", "--listen", "mqtts://127.0.0.1:0", "--users", filepath.Join(dir, "users"), "--acl", filepath.Join(dir, "acl"),
		"--tls-cert", filepath.Join(dir, "c/server.crt"), "--tls-key", filepath.Join(dir, "c/server.key"), "--ops-listen", ops)
	count := func(text string) int {
		b, _ := os.ReadFile(p.log)
		return strings.Count(string(b), text)
	}
	streamtest.Eventually(t, "the broker is ready", func() bool { return count("broker ready") > 0 })
	for _, name := range []string{"acl", "users", "c/server.crt"} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		refused, read := count("it is a pipe, not a regular file"), count("read anew")-count("not read anew")
		makeFIFO(t, path)
		_ = p.cmd.Process.Signal(syscall.SIGHUP)
		streamtest.Eventually(t, name+" is refused", func() bool { return count("it is a pipe, not a regular file") > refused })
		client := http.Client{Timeout: time.Minute}
		if resp, err := client.Get("http://" + ops + "/metrics"); err != nil {
			t.Error(err)
		} else {
			resp.Body.Close()
		}
		if err := errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Process.Signal(syscall.SIGHUP)
		streamtest.Eventually(t, name+" is read again", func() bool { return count("read anew")-count("not read anew") > read+1 })
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	streamtest.Eventually(t, "SIGTERM ends it", func() bool { return ended(p) })
}

// TestClientReadsPipeOnce gives a client its files as a shell's <(…), and one into
// which nothing is written, which Ctrl-C ends.
func TestClientReadsPipeOnce(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		needed(t, "bash")
	}
	dir := withUsers(t)
	address := freeAddress(t)
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtts://"+address, "--users", filepath.Join(dir, "users"), "--acl", filepath.Join(dir, "acl"),
		"--tls-cert", filepath.Join(dir, "c/server.crt"), "--tls-key", filepath.Join(dir, "c/server.key"))
	streamtest.Eventually(t, "the broker is ready", func() bool {
		log, _ := os.ReadFile(broker.log)
		return strings.Contains(string(log), "broker ready")
	})
	publish := "hellox publish x --topic hello_world/press/a --user press --broker mqtts://" + address
	for _, files := range []string{
		" --ca c/ca.crt --password-file <(echo press-secret)",
		" --ca <(cat c/ca.crt) --password-file <(echo press-secret)",
		" --ca c/ca.crt --password-file /dev/stdin < <(echo press-secret)",
	} {
		if out, code := runFor(t, dir, publish+files); code != 0 {
			t.Errorf("%s: exit code %d\n%s", files, code, out)
		}
	}
	makeFIFO(t, filepath.Join(dir, "fifo"))
	if out, code := runFor(t, dir, "timeout -s INT -k 60 1 "+publish+" --ca c/ca.crt --password-file fifo; exit $?"); code != 124 {
		t.Errorf("Ctrl-C did not end it: exit code %d\n%s", code, out)
	}
}
