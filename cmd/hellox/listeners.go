package main

import (
	"errors"
	"net"
	"sync"
)

// isLoopback reports whether only this machine reaches a TCP listener. What it is
// bound to decides, not what the address is called.
func isLoopback(ln net.Listener) bool { return ln.Addr().(*net.TCPAddr).IP.IsLoopback() }

// joined combines several listeners into one: both loopback addresses of a port.
// Addr returns the first, which the printed URLs name.
type joined struct {
	listeners []net.Listener
	accepted  chan accepted
	closed    chan struct{}
	close     func() error
}

type accepted struct {
	conn net.Conn
	err  error
}

// join returns a listener that accepts from all. An error of one is an error of
// the whole.
func join(listeners []net.Listener) net.Listener {
	if len(listeners) == 1 {
		return listeners[0]
	}
	j := &joined{listeners: listeners, accepted: make(chan accepted), closed: make(chan struct{})}
	j.close = sync.OnceValue(func() error {
		close(j.closed)
		var errs []error
		for _, ln := range listeners {
			errs = append(errs, ln.Close())
		}
		return errors.Join(errs...)
	})
	for _, ln := range listeners {
		go j.accept(ln)
	}
	return j
}

func (j *joined) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		select {
		case j.accepted <- accepted{conn, err}:
		case <-j.closed:
			if err == nil {
				conn.Close()
			}
			return
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

func (j *joined) Accept() (net.Conn, error) {
	select {
	case a := <-j.accepted:
		return a.conn, a.err
	case <-j.closed:
		return nil, net.ErrClosed
	}
}

func (j *joined) Close() error   { return j.close() }
func (j *joined) Addr() net.Addr { return j.listeners[0].Addr() }
