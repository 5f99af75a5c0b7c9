package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// patienceDial is for how long a dial waits for a ready pod: long enough
	// for a pod to be replaced, short enough for a client to see that
	// something is wrong.
	patienceDial = 15 * time.Second
	// patiencePod is for how long one pod that is ready is tried.
	patiencePod = 5 * time.Second
)

// A tunnel dials one port of whichever pod of a role is ready, through the API
// server. It follows the pods by a watch, so that the successor of a replaced
// pod is found at once.
//
// Each connection has a session (a WebSocket or SPDY connection to the API
// server) of its own. A session can carry several, but its streams have no flow
// control: one reader that stops would hold up all the others. One session is
// kept in stock, so that a dial does not wait for it to be made.
type tunnel struct {
	site *site
	role string
	port int

	pods    *mirror
	changed chan struct{} // has room for one: the pods changed
	short   chan struct{} // has room for one: a spare session may be missing
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	spare *session      // for the next dial; nil while there is none
	wake  chan struct{} // closed and replaced when pods change
}

// dig opens a tunnel, which lives until close.
func (s *site) dig(ctx context.Context, role string, port int) *tunnel {
	ctx, stop := context.WithCancel(ctx)
	t := &tunnel{
		site: s, role: role, port: port,
		changed: make(chan struct{}, 1), short: make(chan struct{}, 1), stop: stop, wake: make(chan struct{}),
	}
	t.pods = newMirror(t.changed)
	t.running.Go(func() { t.pods.run(ctx, s.in(pods), s.marked()+","+roleLabel+"="+role) })
	t.running.Go(func() { t.follow(ctx) })
	t.running.Go(func() { t.keepStock(ctx) })
	return t
}

// close ends the tunnel; connections through it must have ended before.
func (t *tunnel) close() {
	t.stop()
	t.running.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drop()
}

// follow wakes those who wait for a ready pod.
func (t *tunnel) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
		}
		t.mu.Lock()
		close(t.wake)
		t.wake = make(chan struct{})
		t.mu.Unlock()
		t.restock()
	}
}

// keepStock keeps a session in stock.
func (t *tunnel) keepStock(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.short:
			t.stock(ctx)
		}
	}
}

// stock sees to it that the spare session ends in the pod that is ready now.
// What goes wrong here is told to whoever dials.
func (t *tunnel) stock(ctx context.Context) {
	pod := t.ready()
	t.mu.Lock()
	if t.spare != nil && (pod == nil || t.spare.pod != string(pod.UID) || t.spare.ended()) {
		t.drop()
	}
	have := t.spare != nil
	t.mu.Unlock()
	if have || pod == nil {
		return
	}
	opening, cancel := context.WithTimeout(ctx, patiencePod)
	defer cancel()
	fresh, err := t.open(opening, pod)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spare != nil || ctx.Err() != nil {
		fresh.conn.Close()
		return
	}
	t.spare = fresh
}

// drop closes the spare session, if there is one. The caller holds t.mu.
func (t *tunnel) drop() {
	if t.spare != nil {
		t.spare.conn.Close()
		t.spare = nil
	}
}

// take returns a session that ends in pod: the spare one, if it does.
func (t *tunnel) take(ctx context.Context, pod *corev1.Pod) (*session, error) {
	t.mu.Lock()
	spare := t.spare
	t.spare = nil
	t.mu.Unlock()
	if spare != nil {
		if spare.pod == string(pod.UID) && !spare.ended() {
			return spare, nil
		}
		spare.conn.Close()
	}
	return t.open(ctx, pod)
}

// dial connects to the port in a ready pod, waiting for one if need be.
func (t *tunnel) dial(ctx context.Context) (*tunnelConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patienceDial)
	defer cancel()
	var last error
	for {
		t.mu.Lock()
		wake := t.wake
		t.mu.Unlock()
		if pod := t.ready(); pod != nil {
			c, err := t.dialPod(ctx, pod)
			if err == nil {
				t.restock()
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
				last = fmt.Errorf("no pod of %s is ready", t.role)
			}
			return nil, fmt.Errorf("forward to port %d of %s: %w", t.port, t.role, last)
		case <-wake:
		case <-again.C:
		}
		again.Stop()
	}
}

// restock asks for a new spare session.
func (t *tunnel) restock() {
	select {
	case t.short <- struct{}{}:
	default:
	}
}

// dialPod makes one attempt. It is short, because a session in stock may have
// died without a word, as after a laptop has slept; the next attempt makes
// another.
func (t *tunnel) dialPod(ctx context.Context, pod *corev1.Pod) (*tunnelConn, error) {
	ctx, cancel := context.WithTimeout(ctx, patiencePod)
	defer cancel()
	s, err := t.take(ctx, pod)
	if err != nil {
		return nil, err
	}
	return s.connect(ctx, t.port)
}

// ready returns the newest pod of the role that is ready and stays, or nil.
func (t *tunnel) ready() *corev1.Pod {
	var newest *corev1.Pod
	for _, u := range t.pods.all() {
		pod, err := podOf(u)
		if err != nil || pod.DeletionTimestamp != nil || !isReady(pod) {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest = pod
		}
	}
	return newest
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
