package portforward

import (
	"context"
	"net"
	"time"

	"hellox/bootstrap/kube"
)

// Dial connects to a port of one pod, of its loopback as every forward. That nothing
// listens there is told by the first Read, as the end. Deadlines have no effect: Close
// ends what waits.
func Dial(ctx context.Context, client *kube.Client, namespace, pod string, port int) (net.Conn, error) {
	session, err := openSession(kube.WithoutKlog(ctx), client, namespace, pod)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, session, port)
	if err != nil {
		return nil, err
	}
	return dialed{c}, nil
}

// A dialed connection is one that this process uses itself.
type dialed struct{ c *connection }

func (d dialed) Read(p []byte) (int, error)       { return d.c.data.Read(p) }
func (d dialed) Write(p []byte) (int, error)      { return d.c.data.Write(p) }
func (d dialed) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (d dialed) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (d dialed) SetDeadline(time.Time) error      { return nil }
func (d dialed) SetReadDeadline(time.Time) error  { return nil }
func (d dialed) SetWriteDeadline(time.Time) error { return nil }

// Close ends the connection and its session.
func (d dialed) Close() error {
	d.c.close()
	return nil
}
