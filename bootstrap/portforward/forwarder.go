package portforward

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/kube"
)

const (
	// dialTimeout is how long a dial waits for a ready pod: long enough for a
	// pod to be replaced, short enough for a client to notice a problem.
	dialTimeout = 15 * time.Second
	// podTimeout is how long one attempt to reach a ready pod may take.
	podTimeout = 5 * time.Second
)

// A forwarder dials one port of the ready pod of a role, through the API server.
// It watches the pods, so that the successor of a replaced pod is found at once.
//
// Each connection has a session (a WebSocket or SPDY connection to the API
// server) of its own. A session can carry several, but its streams have no flow
// control: one reader that stops would hold up all the others. One idle
// session is kept open, so that a dial does not wait for one.
type forwarder struct {
	client *kube.Client
	to     Target

	pods    *kube.Informer
	changed chan struct{} // buffered, 1: the pods changed; never closed
	missing chan struct{} // buffered, 1: the idle session may be missing; never closed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	idle *session      // for the next dial; nil while there is none
	wake chan struct{} // closed and replaced when pods change
}

// newForwarder returns a forwarder that works until close.
func newForwarder(ctx context.Context, client *kube.Client, to Target) *forwarder {
	ctx, stop := context.WithCancel(ctx)
	f := &forwarder{
		client: client, to: to,
		changed: make(chan struct{}, 1), missing: make(chan struct{}, 1), stop: stop, wake: make(chan struct{}),
	}
	f.pods = kube.NewInformer(f.changed)
	f.running.Go(func() { f.pods.Run(ctx, client.All(kube.Pods).Namespace(to.Namespace), to.Selector) })
	f.running.Go(func() { f.follow(ctx) })
	f.running.Go(func() { f.keepIdle(ctx) })
	return f
}

// close ends the forwarder. Its connections must have ended before.
func (f *forwarder) close() {
	f.stop()
	f.running.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropIdle()
}

// follow wakes the dials that wait for a ready pod.
func (f *forwarder) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.changed:
		}
		f.mu.Lock()
		close(f.wake)
		f.wake = make(chan struct{})
		f.mu.Unlock()
		f.wantIdle()
	}
}

// keepIdle keeps an idle session open.
func (f *forwarder) keepIdle(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.missing:
			f.openIdle(ctx)
		}
	}
}

// openIdle makes sure that the idle session ends in the pod that is ready now. It
// returns no error: the next dial opens a session itself and reports it.
func (f *forwarder) openIdle(ctx context.Context) {
	pod := f.ready()
	f.mu.Lock()
	if f.idle != nil && (pod == nil || f.idle.pod != string(pod.UID) || f.idle.ended()) {
		f.dropIdle()
	}
	have := f.idle != nil
	f.mu.Unlock()
	if have || pod == nil {
		return
	}
	opening, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	fresh, err := f.open(opening, pod)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.idle != nil || ctx.Err() != nil {
		fresh.conn.Close()
		return
	}
	f.idle = fresh
}

// dropIdle closes the idle session, if there is one. The caller holds f.mu.
func (f *forwarder) dropIdle() {
	if f.idle != nil {
		f.idle.conn.Close()
		f.idle = nil
	}
}

// take returns a session that ends in pod: the idle one, if it does.
func (f *forwarder) take(ctx context.Context, pod *corev1.Pod) (*session, error) {
	f.mu.Lock()
	idle := f.idle
	f.idle = nil
	f.mu.Unlock()
	if idle != nil {
		if idle.pod == string(pod.UID) && !idle.ended() {
			return idle, nil
		}
		idle.conn.Close()
	}
	return f.open(ctx, pod)
}

// dial connects to the port in a ready pod, waiting for one if need be.
func (f *forwarder) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var last error
	for {
		f.mu.Lock()
		wake := f.wake
		f.mu.Unlock()
		if pod := f.ready(); pod != nil {
			c, err := f.dialPod(ctx, pod)
			if err == nil {
				f.wantIdle()
				return c, nil
			}
			last = err
		}
		again := time.NewTimer(250 * time.Millisecond)
		if last == nil {
			again.Stop() // only a change of the pods can help
		}
		select {
		case <-ctx.Done():
			again.Stop()
			if last == nil {
				last = fmt.Errorf("no pod of %s is ready", f.to.Role)
			}
			return nil, fmt.Errorf("forward to port %d of %s: %w", f.to.Port, f.to.Role, last)
		case <-wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// wantIdle requests a new idle session.
func (f *forwarder) wantIdle() {
	select {
	case f.missing <- struct{}{}:
	default:
	}
}

// dialPod makes one attempt. It is short, because the idle session may have
// broken unnoticed, as after a laptop has slept; the next attempt opens another.
func (f *forwarder) dialPod(ctx context.Context, pod *corev1.Pod) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	s, err := f.take(ctx, pod)
	if err != nil {
		return nil, err
	}
	return s.connect(ctx, f.to.Port)
}

// ready returns the newest pod that is ready and not being deleted, or nil.
func (f *forwarder) ready() *corev1.Pod {
	var newest *corev1.Pod
	for _, u := range f.pods.All() {
		pod, err := kube.PodOf(u)
		if err != nil || pod.DeletionTimestamp != nil || !kube.IsReady(pod) {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest = pod
		}
	}
	return newest
}
