package bootstrap_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
)

func testLock(t *testing.T, r *rig, inst space) {
	ctx := t.Context()
	var g gate
	config := rest.CopyConfig(r.cluster.REST.Config)
	config.Wrap(g.wrap)
	holder, err := install.New(kube.Config{Config: config}, inst.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	held, lock, err := install.AcquireLock(ctx, holder, "ann@laptop, process 4242", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	err = r.options(t, inst.Namespace, r.programs[1]).up(ctx, newRecorder(t))
	if err == nil || !strings.Contains(err.Error(), "ann@laptop, process 4242") {
		t.Errorf("a second up: %v", err)
	}
	// A holder that was killed, or hangs, renews no more, and is waited for no
	// longer than its term.
	g.shut()
	began := time.Now()
	up(t, r.options(t, inst.Namespace, r.programs[1]))
	t.Logf("a dead holder held it up for %s", time.Since(began))
	// One that was only slow does not take away the new one's, and hears that
	// it has lost its own.
	g.open()
	select {
	case <-held.Done():
		if cause := context.Cause(held); !strings.Contains(cause.Error(), "was lost") {
			t.Errorf("the former holder hears %v", cause)
		}
	case <-time.After(time.Minute):
		t.Error("a lock that was taken over was renewed by its former holder")
	}
	lock.Release(ctx)
	if lease, err := inst.In(kube.Leases).Get(ctx, "hellox-up", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the lease is there again: %v, %v", lease, err)
	}
}

// A gate holds back requests while it is shut.
type gate struct {
	mu   sync.Mutex
	wait chan struct{} // closed when the gate is opened; nil while it is open
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wait = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.wait)
	g.wait = nil
}

func (g *gate) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		g.mu.Lock()
		wait := g.wait
		g.mu.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		return next.RoundTrip(r)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
