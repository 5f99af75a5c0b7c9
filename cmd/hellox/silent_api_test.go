//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hellox/cmd/hellox/state"
)

// frozen is a machine with a kind cluster whose API server accepts connections and
// answers nothing.
func frozen(t *testing.T) home {
	api := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(api.Close)
	_, port, err := net.SplitHostPort(api.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return clusterState{
		name: "frozen", tools: map[string]string{"docker": lists("a-control-plane|Up 2 days|127.0.0.1:" + port + "->6443/tcp|a")},
		kubeconfig: "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:" + port + "', insecure-skip-tls-verify: true}\ncontexts:\n- name: kind-a\n  context: {cluster: c, user: u}\n",
	}.home(t)
}

// A cluster whose API server does not answer is named within seconds by every command,
// and none says to delete it or shows an error of Go's.
func TestSilentAPIServer(t *testing.T) {
	t.Parallel()
	h, second := frozen(t), frozen(t) // one up at a time
	h.record(t, "kind", "a")
	const said = `kind cluster "a" runs and its API server does not answer`
	asked := new(sync.WaitGroup)
	for command, want := range map[string][]string{
		"up --target kind":              {"waiting for the API server of kind cluster", said + ": gave up after ", "hint: docker restart a-control-plane"},
		"up --target kind --timeout 8s": {said + ": it took longer than --timeout 8s", "hint: docker restart a-control-plane"},
		"down":                          {"waiting for the API server of kind cluster", said, "hint: docker restart a-control-plane"},
		"watch -n 1":                    {said, "hint: docker restart a-control-plane"},
		"status":                        {"kind-a · hellox  unknown", said},
		"doctor":                        {said, "docker restart a-control-plane"},
	} {
		asked.Go(func() {
			began := time.Now()
			h := h
			if strings.Contains(command, "--timeout") {
				h = second
			}
			out, errs, code := h.command(t, strings.Fields(command)...)
			if took := time.Since(began); took > 3*time.Minute { // a hang guard
				t.Errorf("%s took %s", command, took)
			}
			if want := map[string]int{"status": 0, "doctor": 1}; code != exitMissing && code != want[command] {
				t.Errorf("%s: exit %d", command, code)
			}
			inOrder(t, errs+out, want...)
			for _, bad := range []string{"delete", "Get \"", "deadline"} {
				if strings.Contains(out+errs, bad) {
					t.Errorf("%s says %q: %s%s", command, bad, out, errs)
				}
			}
		})
	}
	asked.Wait()
}

// Forwards that a process holds carry messages whatever docker or the API server does
// not answer: they are down only where it is known that no pod runs.
func TestStatusOfForwardsOfAClusterThatIsNotAsked(t *testing.T) {
	t.Parallel()
	stopped := clusterState{tools: map[string]string{"docker": lists("a-control-plane|Exited (130) 2 days ago||a")}}.home(t)
	failing := clusterState{tools: map[string]string{"docker": says("panic: no")}}.home(t)
	for want, h := range map[string]home{"unknown": failing, "down": stopped} {
		i := state.Installation{Target: "kind", Profile: "a", Namespace: "hellox"}
		lock, err := state.DirOf(h.root, i).Acquire(state.Instance{Installation: i})
		if err != nil {
			t.Fatal(err)
		}
		if err := lock.Publish("http://127.0.0.1:1", "mqtt://127.0.0.1:2", true, nil); err != nil {
			t.Fatal(err)
		}
		out, errs, _ := h.command(t, "status")
		if !strings.Contains(out, "  forward: "+want+"\n") {
			t.Errorf("want %s: %s%s", want, out, errs)
		}
		if err := lock.Remove(); err != nil {
			t.Error(err)
		}
	}
}

// A request to an API server that is cut off is told without Go's words, with what to
// type; the address of a page is none of an API server.
func TestReportOfACutRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url  string
		err  error
		want string
		code int
	}{
		{"https://127.0.0.1:1/api/v1/pods", syscall.ECONNRESET, "hellox: read the pods: the cluster's API server does not answer: it closes the connection\nhint: hellox doctor, or try again\n", exitMissing},
		{"https://127.0.0.1:1/api/v1/pods", io.EOF, "hellox: read the pods: the cluster's API server does not answer: it closes the connection\nhint: hellox doctor, or try again\n", exitMissing},
		{"https://127.0.0.1:1/api/v1/pods", context.DeadlineExceeded, "hellox: read the pods: the cluster's API server does not answer: gave up\nhint: hellox doctor, or try again\n", exitMissing},
		{"http://127.0.0.1:1/api/stats", io.EOF, "hellox: read the pods: Get \"http://127.0.0.1:1/api/stats\": EOF\n", exitFailed},
	} {
		var b strings.Builder
		code := report(t.Context(), &b, fmt.Errorf("read the pods: %w", &url.Error{Op: "Get", URL: c.url, Err: c.err}))
		if code != c.code || b.String() != c.want {
			t.Errorf("%s: exit %d: %s", c.err, code, b.String())
		}
	}
}
