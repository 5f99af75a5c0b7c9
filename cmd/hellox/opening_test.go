package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// answerOf returns the status, the media type and the body that url answers; 0: none.
func answerOf(url string) (status int, mediaType, body string) {
	resp, err := http.Get(url)
	if err != nil {
		return 0, "", err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
}

// TestReceiveWaitsForHistory starts receivers whose history cannot be opened yet: each
// says so on its page, its API, its probes and its log, and opens it when it can.
func TestReceiveWaitsForHistory(t *testing.T) {
	for _, c := range []struct {
		name   string
		begin  func(t *testing.T, dir, mqtt string) (history string, heal func())
		cause  string
		advice string
	}{
		{"nodes that begin later", func(t *testing.T, dir, mqtt string) (string, func()) {
			clients := freeAddress(t)
			return "nats://" + clients, func() { startNATS(t, dir, mqtt, clients) }
		}, "connect to the history at 127.0.0.1:", "Start the nodes"},
		{"a file that another receiver uses", func(t *testing.T, dir, _ string) (string, func()) {
			history := "sqlite:" + filepath.Join(dir, "history.db")
			other := startProcess(t, dir, "other", "receive", "--broker", "mqtt://127.0.0.1:1", "--history", history, "--listen", "127.0.0.1:0")
			until(t, "the other receiver has it", func() bool { return fileExists(filepath.Join(dir, "history.db")) })
			return history, func() { other.kill() }
		}, "another receiver is using it", "Stop the other one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, page, ops, mqtt := t.TempDir(), freeAddress(t), freeAddress(t), freeAddress(t)
			history, heal := c.begin(t, dir, mqtt)
			args := []string{"receive", "--broker", "mqtt://" + mqtt, "--history", history, "--listen", page, "--ops-listen", ops}
			if strings.HasPrefix(history, natsScheme) {
				args = append(args, peerFlags(t, dir, "--history-cert", "--history-key", "--history-ca")...)
			}
			p := startProcess(t, dir, "receive", args...)
			until(t, "it says why it is not ready", func() bool {
				status, _, body := answerOf("http://" + ops + "/readyz")
				return status == http.StatusServiceUnavailable && strings.Contains(body, c.cause) && strings.Contains(body, c.advice)
			})
			if status, _, body := answerOf("http://" + ops + "/healthz"); status != http.StatusOK {
				t.Errorf("/healthz: %d %s", status, body)
			}
			for path, want := range map[string]string{"/": "text/html", "/api/stats": "application/problem+json"} {
				status, mediaType, body := answerOf("http://" + page + path)
				if status != http.StatusServiceUnavailable || !strings.HasPrefix(mediaType, want) || !strings.Contains(body, c.cause) || !strings.Contains(body, c.advice) {
					t.Errorf("%s: %d %s: %s", path, status, mediaType, body)
				}
			}
			log, err := os.ReadFile(p.log)
			if err != nil || strings.Count(string(log), "cannot be opened yet") != 1 || !strings.Contains(string(log), c.advice) {
				t.Errorf("the log does not say it once, with the hint: %v\n%s", err, log)
			}
			heal()
			until(t, "it is ready by itself", func() bool {
				status, _, _ := answerOf("http://" + ops + "/readyz")
				return status == http.StatusOK
			})
			until(t, "the page shows the history", func() bool {
				status, _, body := answerOf("http://" + page + "/api/stats")
				return status == http.StatusOK && strings.Contains(body, `"stored"`)
			})
			if err := p.term(); err != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// peerFlags makes the certificates of nodes, once in a folder, and returns the flags that name them.
func peerFlags(t *testing.T, dir, cert, key, ca string) []string {
	t.Helper()
	made := filepath.Join(dir, "certs")
	if !fileExists(made) {
		if out, err := exec.Command("hellox", "certs", made, "--host", "127.0.0.1", "--peer").CombinedOutput(); err != nil {
			t.Fatalf("hellox certs: %v\n%s", err, out)
		}
	}
	return []string{cert, filepath.Join(made, "peer.crt"), key, filepath.Join(made, "peer.key"), ca, filepath.Join(made, "ca.crt")}
}

// startNATS runs a node.
func startNATS(t *testing.T, dir, mqtt, clients string) {
	t.Helper()
	args := []string{"nats", "--name", "node", "--store", filepath.Join(dir, "store"), "--listen", "mqtt://" + mqtt, "--client-listen", clients}
	startProcess(t, dir, "node", append(args, peerFlags(t, dir, "--peer-cert", "--peer-key", "--peer-ca")...)...)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestReceiveEndsWithoutHistory holds that a cause that does not heal ends a receiver at
// once, with its sentence.
func TestReceiveEndsWithoutHistory(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "letter.txt")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("no history ", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for history, want := range map[string]int{"sqlite:" + foreign: exitFailed, "nats://": exitUsage, "sqlite:" + filepath.Dir(foreign): exitFailed} {
		var out strings.Builder
		sh := shell{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
		if got := run(t.Context(), []string{"receive", "--history", history, "--listen", "127.0.0.1:0"}, sh); got != want || !strings.Contains(out.String(), "\nhellox: ") && !strings.HasPrefix(out.String(), "hellox: ") {
			t.Errorf("%s: exit %d, want %d: %s", history, got, want, out.String())
		}
	}
}
