package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"hellox/bootstrap/kube"
)

// The ports that forwards end at, within their pods.
const (
	PortWeb  = 8420 // the page and API, of receive
	PortMQTT = 1883 // plain MQTT, of broker
)

// A Forward forwards the connections to a local port to a port of a ready pod.
// It stays open whatever happens to the pods: each connection is dialled anew.
type Forward struct {
	// Port is the local port, the same on 127.0.0.1 and, where the machine
	// has it, on ::1.
	Port int
	// Moved says why Port is not the preferred one; "" if it is.
	Moved string

	forwarder *forwarder
	listeners []net.Listener
	stop      context.CancelFunc
	running   sync.WaitGroup
	failed    chan error // buffered, 1: why a listener ended; never closed
}

// A Target is what a Forward ends at.
type Target struct {
	Namespace string
	Selector  string // of the pods, by label
	Role      string // of the pods, for errors
	Port      int    // PortWeb or PortMQTT
}

// Serve forwards the connections to local until Close, which also closes local.
// It does not wait for a pod: a connection waits for up to dialTimeout if none is
// ready.
func Serve(client *kube.Client, to Target, local *Listener) *Forward {
	ctx, stop := context.WithCancel(kube.WithoutKlog(context.Background()))
	f := &Forward{
		Port:      local.Listeners[0].Addr().(*net.TCPAddr).Port,
		Moved:     local.Moved,
		forwarder: newForwarder(ctx, client, to),
		listeners: local.Listeners,
		stop:      stop,
		failed:    make(chan error, 1),
	}
	for _, ln := range f.listeners {
		f.running.Go(func() { f.accept(ctx, ln) })
	}
	return f
}

// Addr is the local address, 127.0.0.1:8420.
func (f *Forward) Addr() string { return fmt.Sprintf("127.0.0.1:%d", f.Port) }

// Down returns why a new connection would wait now, or nil, as far as that is known: one
// was not made a moment ago, or no pod is ready.
func (f *Forward) Down() error { return f.forwarder.down() }

// Failed returns a channel that gets an error if the forward can no longer
// listen. It is never closed.
func (f *Forward) Failed() <-chan error { return f.failed }

// Close ends the listeners and every connection, and returns when they have
// ended.
func (f *Forward) Close() {
	f.stop()
	for _, ln := range f.listeners {
		ln.Close()
	}
	f.running.Wait()
	f.forwarder.close()
}

func (f *Forward) accept(ctx context.Context, ln net.Listener) {
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			f.running.Go(func() { f.serve(ctx, conn.(*net.TCPConn)) })
		case ctx.Err() != nil:
			return
		case isTemporary(err):
			// Such as too many open files, until others are closed.
			if kube.Pause(ctx, 50*time.Millisecond) != nil {
				return
			}
		default:
			select {
			case f.failed <- fmt.Errorf("listen on %s: %w", ln.Addr(), err):
			default:
			}
			return
		}
	}
}

// serve forwards one connection. An error ends it with a reset, as a broken
// network would.
func (f *Forward) serve(ctx context.Context, local *net.TCPConn) {
	c, err := f.forwarder.dial(ctx)
	if err != nil {
		_ = local.SetLinger(0)
		local.Close()
		return
	}
	c.join(ctx, local)
}

func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}
