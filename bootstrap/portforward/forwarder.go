package portforward

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
)

const (
	// dialTimeout is how long a dial waits for a ready pod: long enough for a
	// pod to be replaced, short enough for a client to notice a problem.
	dialTimeout = 15 * time.Second
	// podTimeout is how long one attempt to reach a ready pod may take.
	podTimeout = 5 * time.Second
	// dialAgain is the pause after the first attempt that failed. Each next one is
	// longer, up to dialSlowly, as long as the API server does not answer.
	dialAgain  = 250 * time.Millisecond
	dialSlowly = time.Second
	// askAgain is the pause until the API server is asked for a pod that the informer
	// does not know.
	askAgain = 500 * time.Millisecond
)

// A forwarder dials one port of the ready pod of a role, through the API server.
// It watches the pods, so that the successor of a replaced pod is found at once.
//
// Each connection has a session (a WebSocket or SPDY connection to the API
// server) of its own, opened when the connection is made. A session can carry
// several, but its streams have no flow control: one reader that stops would hold
// up all the others.
type forwarder struct {
	client *kube.Client
	to     Target

	pods    *kube.Informer
	changed chan struct{} // buffered, 1: the pods changed; never closed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	wake chan struct{} // closed and replaced when pods change
	last error         // of the newest attempt to reach the API server or a pod; nil: it did
	at   time.Time     // of last
}

// newForwarder returns a forwarder that works until close.
func newForwarder(ctx context.Context, client *kube.Client, to Target) *forwarder {
	ctx, stop := context.WithCancel(ctx)
	f := &forwarder{
		client: client, to: to,
		changed: make(chan struct{}, 1), stop: stop, wake: make(chan struct{}),
	}
	f.pods = kube.NewInformer(f.changed)
	f.running.Go(func() { f.pods.Run(ctx, client.All(kube.Pods).Namespace(to.Namespace), to.Selector) })
	f.running.Go(func() { f.follow(ctx) })
	return f
}

// close ends the forwarder. Its connections must have ended before.
func (f *forwarder) close() {
	f.stop()
	f.running.Wait()
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
	}
}

// dial connects to the port in a ready pod, waiting for one if need be.
func (f *forwarder) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var last error
	slower := dialAgain
	for tried := 0; ; tried++ {
		f.mu.Lock()
		wake := f.wake
		f.mu.Unlock()
		pod := newestReady(f.pods.All())
		var unanswered error
		if tried > 0 && (pod == nil || last != nil) {
			// The informer may be wrong for a while: after an API server was away it
			// waits longer and longer before it asks again.
			pod, unanswered = f.list(ctx)
		}
		pause := askAgain
		switch {
		case unanswered != nil:
			last, pause = f.note(noAnswer(unanswered)), slower
			slower = min(2*slower, dialSlowly)
		case pod != nil:
			c, err := f.dialPod(ctx, pod)
			if f.note(err) == nil {
				return c, nil
			}
			last, pause = err, dialAgain
		default:
			last = f.note(fmt.Errorf("no pod of %s is ready", f.to.Role))
		}
		again := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil, fmt.Errorf("forward to port %d of %s: %w", f.to.Port, f.to.Role, last)
		case <-wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// noAnswer returns the error of an API server that err was got from. Its address and the
// query help with nothing.
func noAnswer(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("its API server does not answer")
	}
	return fmt.Errorf("its API server does not answer: %w", err)
}

// note remembers how an attempt ended, and returns err.
func (f *forwarder) note(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last, f.at = err, time.Now()
	return err
}

// down returns why a new connection would wait, or nil: the newest attempt failed, or no
// pod is ready. It asks nothing.
func (f *forwarder) down() error {
	f.mu.Lock()
	last := f.last
	if time.Since(f.at) > dialTimeout { // nothing tries it
		last = nil
	}
	f.mu.Unlock()
	select {
	case <-f.pods.Synced:
		if newestReady(f.pods.All()) == nil && last == nil {
			return fmt.Errorf("no pod of %s is ready", f.to.Role)
		}
	default:
	}
	return last
}

// dialPod makes one attempt, which is short: the next one may find another pod.
func (f *forwarder) dialPod(ctx context.Context, pod *corev1.Pod) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, podTimeout)
	defer cancel()
	session, err := openSession(ctx, f.client, f.to.Namespace, pod.Name)
	if err != nil {
		return nil, err
	}
	return connect(ctx, session, f.to.Port)
}

// list asks the API server for the newest pod that is ready. Only a dial that waits
// asks, so an idle forward costs nothing.
func (f *forwarder) list(ctx context.Context) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	list, err := f.client.All(kube.Pods).Namespace(f.to.Namespace).List(ctx, metav1.ListOptions{LabelSelector: f.to.Selector})
	if err != nil {
		return nil, err
	}
	all := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return newestReady(all), nil
}

// newestReady returns the newest pod that is ready and not being deleted, or nil.
func newestReady(all []*unstructured.Unstructured) *corev1.Pod {
	var newest *corev1.Pod
	for _, u := range all {
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
