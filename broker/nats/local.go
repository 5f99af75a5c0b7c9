package nats

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// A local lets clients on loopback in, which need not say who they are, beside those
// that come by TLS: nats-server has one listener for MQTT. It hands them on to that
// with a certificate that only this process has, by which the callout knows them.
type local struct {
	listener net.Listener
	shown    tls.Certificate
	to       func() net.Addr // where nats-server listens
	ready    func() error    // why no client is let in, or nil
	conns    sync.WaitGroup
}

// newLocal returns a local that has not been started, and the configuration of
// nats-server's listener, which asks for its certificate.
func newLocal(ln net.Listener, listens *tls.Config, to func() net.Addr, ready func() error) (*local, *tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make the certificate of local clients: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(100, 0, 0)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make the certificate of local clients: %w", err)
	}
	listens = listens.Clone()
	listens.ClientAuth = tls.RequestClientCert
	return &local{listener: ln, shown: tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, to: to, ready: ready}, listens, nil
}

// has reports whether a connection is one that l has handed on.
func (l *local) has(state *tls.ConnectionState) bool {
	return l != nil && state != nil && len(state.PeerCertificates) == 1 && string(state.PeerCertificates[0].Raw) == string(l.shown.Certificate[0])
}

// serve accepts clients until ctx ends, and then ends their connections.
func (l *local) serve(ctx context.Context) error {
	defer l.conns.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.listener.Close() })
	defer stop()
	for {
		conn, err := l.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("listen on %s: %w", l.listener.Addr(), err)
		case err != nil: // a client that has gone again, or too many open files
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		l.conns.Go(func() { l.hand(ctx, conn) })
	}
}

const acceptPause = 50 * time.Millisecond

// hand hands a client on, until one side ends.
func (l *local) hand(ctx context.Context, client net.Conn) {
	defer client.Close()
	if l.ready() != nil {
		turnAway(ctx, client)
		return
	}
	dialing, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{l.shown},
		InsecureSkipVerify: true, //nolint:gosec // it is this process that listens there
	}}
	server, err := dialer.DialContext(dialing, "tcp", loopbackOf(l.to()))
	if err != nil {
		return // the node is ending: the client tries again
	}
	defer server.Close()
	stop := context.AfterFunc(ctx, func() { client.Close(); server.Close() })
	defer stop()
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	_, _ = io.Copy(server, client)
	server.Close()
	back.Wait()
}

// turnAway answers a CONNECT with the code 3 of MQTT 3.1.1: the server is unavailable.
func turnAway(ctx context.Context, client net.Conn) {
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	_ = client.SetDeadline(time.Now().Add(loginTimeout))
	asked := make([]byte, 4<<10)
	if _, err := client.Read(asked); err != nil {
		return
	}
	_, _ = client.Write([]byte{0x20, 2, 0, 3})
	if tcp, ok := client.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, client) // until the client closes: else the answer could be lost
}

// loopbackOf returns an address by which this machine reaches what listens at a.
func loopbackOf(a net.Addr) string {
	tcp := *a.(*net.TCPAddr)
	if tcp.IP.IsUnspecified() {
		tcp.IP = net.IPv4(127, 0, 0, 1)
	}
	return tcp.String()
}
