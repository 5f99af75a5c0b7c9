package portforward

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/streaming/pkg/httpstream"
)

// A connection is one connection to a port in a pod. It owns its session.
type connection struct {
	session httpstream.Connection
	data    httpstream.Stream
	// refused gets the node's error if it could not connect to the port, or if
	// that connection broke; it is closed when the error stream ends.
	refused chan error
}

// connect opens the two streams that the port-forward protocol has for a
// connection: one for its bytes and one for what goes wrong. It closes the
// session if that fails. The protocol does not report that a connection was
// made: a port that refuses is reported later, on the second stream.
func connect(ctx context.Context, session httpstream.Connection, port int) (*connection, error) {
	type result struct {
		conn *connection
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		c, err := openStreams(session, port)
		opened <- result{c, err}
	}()
	select {
	case <-ctx.Done():
		// A stream that the other side does not confirm is waited for by the library,
		// for 30 s, though its session is closed; it is not waited for here.
		session.Close()
		return nil, ctx.Err()
	case r := <-opened:
		if r.err != nil {
			session.Close()
			return nil, fmt.Errorf("open a stream to port %d: %w", port, r.err)
		}
		return r.conn, nil
	}
}

func openStreams(session httpstream.Connection, port int) (*connection, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	errorStream, err := session.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	// Nothing is ever written to it.
	if err := errorStream.Close(); err != nil {
		return nil, err
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := session.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	c := &connection{session: session, data: data, refused: make(chan error, 1)}
	go func() {
		defer close(c.refused)
		message, err := io.ReadAll(io.LimitReader(errorStream, 4<<10))
		switch {
		case len(message) > 0:
			c.refused <- errors.New(string(message))
		case err != nil:
			c.refused <- err
		}
	}()
	return c, nil
}

// close ends the connection and its session.
func (c *connection) close() {
	_ = c.data.Reset()
	c.session.Close()
	for range c.refused { // the reader of the error stream ends with the session
	}
}

// join copies between local and the pod until the pod has sent everything, or
// either side breaks. The end of what local sends is passed on, and the rest of
// what the pod sends is waited for. join closes both ends.
func (c *connection) join(ctx context.Context, local *net.TCPConn) {
	received := make(chan int64, 1) // number of bytes, when the pod has sent everything
	sent := make(chan error, 1)
	var copying sync.WaitGroup
	defer copying.Wait()
	copying.Go(func() {
		n, _ := io.Copy(local, c.data) // it ends when either end breaks or the pod is done
		received <- n
	})
	copying.Go(func() {
		_, err := io.Copy(c.data, local)
		if err == nil {
			err = c.data.Close() // no more from here; the other way stays open
		}
		sent <- err
	})
	c.wait(ctx, local, sent, received)
	c.close()
	local.Close()
}

// wait returns when there is nothing more to copy. If the port refused, or the
// connection to it broke, local will be reset: a client must not take that for an
// empty answer.
func (c *connection) wait(ctx context.Context, local *net.TCPConn, sent <-chan error, received <-chan int64) {
	refused := c.refused
	for {
		select {
		case err := <-sent:
			if err != nil {
				return
			}
			sent = nil
		case n := <-received:
			if n == 0 && refused != nil && c.wasRefused(ctx) {
				_ = local.SetLinger(0)
			}
			return
		case _, failed := <-refused:
			if failed {
				_ = local.SetLinger(0)
				return
			}
			refused = nil
		case <-ctx.Done():
			return
		}
	}
}

// wasRefused reports whether the node refused a connection that brought nothing.
// Its error comes on a stream of its own and may be late.
func (c *connection) wasRefused(ctx context.Context) bool {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case _, failed := <-c.refused:
		return failed
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}
