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
	session *session
	data    httpstream.Stream
	// refused gets what the node said if it could not connect to the port, or
	// if that connection broke; it is closed when the node has nothing to say.
	refused chan error
}

// connect opens the two streams that the port-forward protocol has for a
// connection: one for its bytes and one for what goes wrong. It closes the
// session if that fails. The protocol has no word for "connected": a port that
// refuses is told later, on the second stream.
func (s *session) connect(ctx context.Context, port int) (*connection, error) {
	type result struct {
		conn *connection
		err  error
	}
	made := make(chan result, 1)
	go func() {
		c, err := s.streams(port)
		made <- result{c, err}
	}()
	select {
	case <-ctx.Done():
		s.conn.Close()
		<-made // closing the session ends it
		return nil, ctx.Err()
	case r := <-made:
		if r.err != nil {
			s.conn.Close()
			return nil, fmt.Errorf("open a stream to port %d: %w", port, r.err)
		}
		return r.conn, nil
	}
}

func (s *session) streams(port int) (*connection, error) {
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	problems, err := s.conn.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	// Nothing is ever written to it.
	if err := problems.Close(); err != nil {
		return nil, err
	}
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := s.conn.CreateStream(headers)
	if err != nil {
		return nil, err
	}
	c := &connection{session: s, data: data, refused: make(chan error, 1)}
	go func() {
		defer close(c.refused)
		message, err := io.ReadAll(io.LimitReader(problems, 4<<10))
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
	c.session.conn.Close()
	for range c.refused { // the reader of problems ends with the session
	}
}

// join copies between local and the pod until the pod has said all, or either
// side breaks. When local has said all it is told on, and what the pod still
// says is waited for. Both ends are closed in the end.
func (c *connection) join(ctx context.Context, local *net.TCPConn) {
	heard := make(chan int64, 1) // how many bytes, when the pod has said all
	said := make(chan error, 1)
	var copying sync.WaitGroup
	defer copying.Wait()
	copying.Go(func() {
		n, _ := io.Copy(local, c.data) // either end broke, or the pod is done: it ends
		heard <- n
	})
	copying.Go(func() {
		_, err := io.Copy(c.data, local)
		if err == nil {
			err = c.data.Close() // no more from here; the other way stays open
		}
		said <- err
	})
	c.wait(ctx, local, said, heard)
	c.close()
	local.Close()
}

// wait returns when there is nothing more to copy. Where the port refused, or
// the way to it broke, local will end with a reset: a client must not take that
// for an empty answer.
func (c *connection) wait(ctx context.Context, local *net.TCPConn, said <-chan error, heard <-chan int64) {
	refused := c.refused
	for {
		select {
		case err := <-said:
			if err != nil {
				return
			}
			said = nil
		case n := <-heard:
			if n == 0 && refused != nil && c.wasRefused(ctx) {
				_ = local.SetLinger(0)
			}
			return
		case _, bad := <-refused:
			if bad {
				_ = local.SetLinger(0)
				return
			}
			refused = nil
		case <-ctx.Done():
			return
		}
	}
}

// wasRefused waits for the node's word on a connection that brought nothing,
// which comes on a stream of its own and may be late.
func (c *connection) wasRefused(ctx context.Context) bool {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case _, bad := <-c.refused:
		return bad
	case <-late.C:
	case <-ctx.Done():
	}
	return false
}
