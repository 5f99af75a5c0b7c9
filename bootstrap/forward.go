package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// The ports that forwards end at, within their pods.
const (
	PortWeb  = 8420 // the page and API, of receive
	PortMQTT = 1883 // plain MQTT, of broker
)

// A Forward is a listener on this machine's loopback whose connections go to
// one port of a ready pod of a role. It stays open whatever happens to the
// pods: each connection is dialled anew.
type Forward struct {
	// Port is the local port, the same on 127.0.0.1 and, where the machine
	// has it, on ::1.
	Port int
	// Moved is why Port is not the one that was preferred; "" if it is.
	Moved string

	tunnel    *tunnel
	listeners []net.Listener
	stop      context.CancelFunc
	running   sync.WaitGroup
	failed    chan error // has room for one: why a listener ended by itself
}

// ForwardOptions say what is forwarded where.
type ForwardOptions struct {
	Namespace string
	Role      string // broker or receive
	Remote    int    // PortWeb or PortMQTT
	Local     Port
}

// OpenForward listens, and forwards until Close, also when ctx ends. It does
// not wait for a pod: a connection waits, for a while, if there is none that is
// ready.
func OpenForward(ctx context.Context, config *rest.Config, o ForwardOptions) (*Forward, error) {
	s, err := newSite(config, o.Namespace)
	if err != nil {
		return nil, err
	}
	local, err := o.Local.take(ctx)
	if err != nil {
		return nil, err
	}
	return s.forward(local, o.Role, o.Remote), nil
}

// forward serves local until Close.
func (s *site) forward(local localPort, role string, remote int) *Forward {
	ctx, stop := context.WithCancel(quiet(context.Background()))
	f := &Forward{
		Port:      local.listeners[0].Addr().(*net.TCPAddr).Port,
		Moved:     local.moved,
		tunnel:    s.dig(ctx, role, remote),
		listeners: local.listeners,
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

// Failed gets an error if the forward can no longer listen.
func (f *Forward) Failed() <-chan error { return f.failed }

// Close ends the listeners and every connection, and returns when they have
// ended.
func (f *Forward) Close() {
	f.stop()
	for _, ln := range f.listeners {
		ln.Close()
	}
	f.running.Wait()
	f.tunnel.close()
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
			// Such as too many open files: others will be closed.
			if pause(ctx, 50*time.Millisecond) != nil {
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

// serve forwards one connection. What goes wrong ends it with a reset, which is
// what a client would see of a broken network.
func (f *Forward) serve(ctx context.Context, local *net.TCPConn) {
	c, err := f.tunnel.dial(ctx)
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
