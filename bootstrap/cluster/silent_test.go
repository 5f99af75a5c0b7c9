package cluster

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A server that gives no answer is no broken cluster: nothing of it says to delete it.
// What a server does say may.
func TestNoAnswerIsNoReasonToDelete(t *testing.T) {
	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hung.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		c.Close()
	}))
	defer cut.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }))
	defer broken.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String()
	l.Close()
	c := Candidate{Target: "kind", Unit: "cluster", Name: "a", DeleteCommand: "kind delete cluster --name a", RestartCommand: "docker restart a-control-plane"}
	for name, want := range map[string]string{hung.URL: "gave up after ", cut.URL: "it closes the connection", refused: "connection refused", broken.URL: ""} {
		within := time.Minute
		if name == hung.URL {
			within = 1100 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		_, err := ListNodes(ctx, &rest.Config{Host: name})
		cancel()
		e := NotReady(c, err)
		if want == "" {
			if !strings.HasPrefix(e.Hint, c.DeleteCommand) {
				t.Errorf("%v, hint %q", e, e.Hint)
			}
			continue
		}
		// How long it took is a number of seconds.
		if said := strings.TrimRight(e.Error(), "0123456789s"); said != `kind cluster "a" runs and its API server does not answer: `+want || e.Kind != step.Missing || e.Hint != "docker restart a-control-plane, or try again" {
			t.Errorf("%v, hint %q", e, e.Hint)
		}
	}
	tool := &step.Error{Kind: step.Missing, Sentence: "docker ps has not answered", Hint: "docker ps", Err: run.NoAnswer(time.Second)}
	if e := NotReady(c, tool); e != tool {
		t.Errorf("a tool: %v, hint %q", e, e.Hint)
	}
}

// A wait that its deadline ends says what it waited for; one that was interrupted, or a
// request that had no time, does not blame the server.
func TestWaitForSilentServer(t *testing.T) {
	hung := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hung.Close()
	c := Candidate{Target: "kind", Unit: "cluster", Name: "a"}
	wait := func(ctx context.Context) (said []string, err error) {
		_, err = waitForNodes(ctx, &rest.Config{Host: hung.URL}, time.Minute, explainer(nil, c), func(s string) { said = append(said, s) })
		return said, UnansweredInTime(ctx, c, err)
	}
	over := errors.New("it took longer than --timeout 2s")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, over)
	defer cancel()
	said, err := wait(ctx)
	if e := (*step.Error)(nil); !errors.As(err, &e) || e.Error() != `kind cluster "a" runs and its API server does not answer: it took longer than --timeout 2s` || len(said) != 1 || errors.Is(err, over) {
		t.Errorf("%v, said %q", err, said)
	}
	ctx, cancel = context.WithTimeoutCause(t.Context(), 10*time.Millisecond, over)
	defer cancel()
	if _, err := wait(ctx); !errors.Is(err, over) {
		t.Errorf("no time: %v", err)
	}
	ctx, interrupt := context.WithCancelCause(t.Context())
	time.AfterFunc(1500*time.Millisecond, func() { interrupt(context.Canceled) })
	if _, err := wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
