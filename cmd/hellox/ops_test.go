package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The probes of a pod decide by the status; what is wrong stands in the body.
// A role that tells nothing of itself is as well as its process.
func TestOpsAnswersTheProbes(t *testing.T) {
	tired := func() error { return errors.New("it is tired") }
	for _, c := range []struct {
		name, path string
		health     health
		status     int
		says       string
	}{
		{"nothing told", "/healthz", health{}, http.StatusOK, `"ok"`},
		{"nothing told", "/readyz", health{}, http.StatusOK, `"ok"`},
		{"degraded", "/readyz", health{Degraded: func() string { return "the disk is full" }}, http.StatusOK, "the disk is full"},
		{"not ready", "/readyz", health{Ready: tired}, http.StatusServiceUnavailable, "it is tired"},
		{"not ready, alive", "/healthz", health{Ready: tired}, http.StatusOK, `"ok"`},
		{"dead", "/healthz", health{Alive: tired}, http.StatusServiceUnavailable, "it is tired"},
		{"metrics", "/metrics", health{}, http.StatusOK, "go_goroutines"},
	} {
		t.Run(c.name+" "+c.path, func(t *testing.T) {
			address := freeAddress(t)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- serveOps(ctx, address, c.health, newRegistry()) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			var status int
			var body []byte
			until(t, "the ops listener answers", func() bool {
				resp, err := http.Get("http://" + address + c.path)
				if err != nil {
					return false
				}
				defer resp.Body.Close()
				status = resp.StatusCode
				body, err = io.ReadAll(resp.Body)
				return err == nil
			})
			if status != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("%d %s; want %d and %q", status, body, c.status, c.says)
			}
		})
	}
}
