package ops_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"hellox/cmd/hellox/ops"
	"hellox/stream/streamtest"
)

// The probes of a pod decide by the status; what is wrong stands in the body.
// A role that tells nothing of itself is as well as its process.
func TestOpsAnswersTheProbes(t *testing.T) {
	tired := func() error { return errors.New("it is tired") }
	for _, c := range []struct {
		name, path string
		health     ops.Health
		status     int
		says       string
	}{
		{"nothing told", "/healthz", ops.Health{}, http.StatusOK, `"ok"`},
		{"nothing told", "/readyz", ops.Health{}, http.StatusOK, `"ok"`},
		{"degraded", "/readyz", ops.Health{Degraded: func() string { return "the disk is full" }}, http.StatusOK, "the disk is full"},
		{"not ready", "/readyz", ops.Health{Ready: tired}, http.StatusServiceUnavailable, "it is tired"},
		{"not ready, alive", "/healthz", ops.Health{Ready: tired}, http.StatusOK, `"ok"`},
		{"metrics", "/metrics", ops.Health{}, http.StatusOK, "go_goroutines"},
	} {
		t.Run(c.name+" "+c.path, func(t *testing.T) {
			address := streamtest.FreeAddress(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- ops.Serve(ctx, address, c.health, ops.NewRegistry()) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			status, body := get(t, "http://"+address+c.path)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d %s; want %d and %q", status, body, c.status, c.says)
			}
		})
	}
}

// get asks url until it answers, for a minute.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(url)
		if err == nil {
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, string(b)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
