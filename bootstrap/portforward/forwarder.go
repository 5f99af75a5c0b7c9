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
	dialSlowly = 500 * time.Millisecond
	// dialBeside is after how long an attempt that has not ended is not waited for, and
	// maxAttempts how many there are at once for a connection.
	dialBeside  = time.Second
	maxAttempts = 4
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

// An attempt is how one to connect to a pod ended.
type attempt struct {
	conn   *connection
	err    error
	silent bool // the API server was asked for a pod and did not answer
}

// dial connects to the port in a ready pod, waiting for one if need be. An attempt that
// takes long is not waited for: a network that was lost sends what waits for an answer
// again only after a long while, but what is new at once. The first attempt that
// succeeds ends the others.
func (f *forwarder) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer cancel()
	var (
		ended   = make(chan attempt)
		running int
		tried   bool
		last    error
		wake    chan struct{}
		slower  = dialAgain
	)
	begin := func() {
		wake = f.waker() // before the pods are looked at
		if running == maxAttempts {
			return
		}
		ask, unsure := tried, last != nil
		running, tried = running+1, true
		attempts.Go(func() { f.attempt(ctx, ask, unsure).hand(ctx, ended) })
	}
	begin()
	next := time.NewTimer(dialBeside)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			if last == nil {
				last = f.note(errUnanswered)
			}
			return nil, fmt.Errorf("forward to port %d of %s: %w", f.to.Port, f.to.Role, last)
		case a := <-ended:
			if running--; f.note(a.err) == nil {
				return a.conn, nil
			}
			last = a.err
			if running > 0 { // the next one is due soon
				continue
			}
			next.Reset(a.pause(slower))
			if a.silent {
				slower = min(2*slower, dialSlowly)
			}
		case <-wake:
			begin()
			next.Reset(dialBeside)
		case <-next.C:
			begin()
			next.Reset(dialBeside)
		}
	}
}

// hand gives a to the dial that began it, unless that has ended.
func (a attempt) hand(ctx context.Context, to chan<- attempt) {
	select {
	case to <- a:
	case <-ctx.Done():
		if a.conn != nil {
			a.conn.close()
		}
	}
}

// pause returns how long to wait after a before the next attempt, if none is under way.
func (a attempt) pause(slower time.Duration) time.Duration {
	switch {
	case a.silent:
		return slower
	case errors.As(a.err, new(*notReadyError)):
		return askAgain
	}
	return dialAgain
}

// attempt makes one attempt. ask: the API server is asked for a pod if the informer has
// none; unsure: it is asked in any case, since the one that the informer has was not
// reached.
func (f *forwarder) attempt(ctx context.Context, ask, unsure bool) attempt {
	pod := newestReady(f.pods.All())
	var unanswered error
	if ask && pod == nil || unsure {
		// The informer may be wrong for a while: after an API server was away it
		// waits longer and longer before it asks again.
		there, err := f.list(ctx)
		if err == nil {
			pod = there
		} else {
			unanswered = noAnswer(err)
		}
	}
	switch {
	case pod != nil: // also if it is only known from before: its connection is a new one
		c, err := f.dialPod(ctx, pod)
		if err != nil && unanswered != nil {
			err = unanswered
		}
		return attempt{c, err, err != nil && unanswered != nil}
	case unanswered != nil:
		return attempt{nil, unanswered, true}
	}
	return attempt{nil, &notReadyError{f.to.Role}, false}
}

// A notReadyError is that of a role without a ready pod.
type notReadyError struct{ role string }

func (e *notReadyError) Error() string { return fmt.Sprintf("no pod of %s is ready", e.role) }

// waker returns the channel that is closed with the next change of a pod.
func (f *forwarder) waker() chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wake
}

// errUnanswered is the error of an API server that says nothing.
var errUnanswered = errors.New("its API server does not answer")

// noAnswer returns the error of an API server that err was got from. Its address and the
// query help with nothing.
func noAnswer(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errUnanswered
	}
	return fmt.Errorf("%w: %w", errUnanswered, err)
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
			return &notReadyError{f.to.Role}
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
