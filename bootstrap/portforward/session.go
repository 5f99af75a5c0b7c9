package portforward

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"hellox/bootstrap/kube"
)

// openSession opens a connection, through the API server, that ends in a pod:
// over a WebSocket, or over SPDY if the API server is too old for that or a proxy
// is in the way.
func openSession(ctx context.Context, client *kube.Client, namespace, pod string) (httpstream.Connection, error) {
	dialer, err := newDialer(ctx, client, namespace, pod)
	if err != nil {
		return nil, err
	}
	type result struct {
		conn     httpstream.Connection
		protocol string
		err      error
	}
	dialed := make(chan result, 1)
	go func() {
		conn, protocol, err := dialer.Dial(portforward.PortForwardProtocolV1Name)
		dialed <- result{conn, protocol, err}
	}()
	select {
	case <-ctx.Done():
		// One over a WebSocket ends with ctx. That over SPDY ends with its TCP
		// connection, and is not waited for.
		go func() {
			if r := <-dialed; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	case r := <-dialed:
		if r.err != nil {
			return nil, fmt.Errorf("reach pod %s through the API server: %w", pod, r.err)
		}
		if r.protocol != portforward.PortForwardProtocolV1Name {
			r.conn.Close()
			return nil, fmt.Errorf("reach pod %s through the API server: it speaks %q, not %q", pod, r.protocol, portforward.PortForwardProtocolV1Name)
		}
		return r.conn, nil
	}
}

// newDialer returns a dialer of port-forward connections to a pod. Its requests end
// with ctx: client-go's dialers take none, and an API server that is paused accepts
// connections and never answers.
func newDialer(ctx context.Context, client *kube.Client, namespace, pod string) (httpstream.Dialer, error) {
	address := client.REST.Post().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "portforward").URL()
	config := rest.CopyConfig(client.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &bound{ctx, next} })
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(address, config)
	if err != nil {
		return nil, fmt.Errorf("reach pod %s through the API server: %w", pod, err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, fmt.Errorf("reach pod %s through the API server: %w", pod, err)
	}
	plain := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, address)
	return portforward.NewFallbackDialerForStreaming(websocket, plain, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}

// A bound round tripper ends its requests with ctx.
type bound struct {
	ctx  context.Context //nolint:containedctx // the library makes its requests without one
	next http.RoundTripper
}

func (b *bound) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.next.RoundTrip(r.WithContext(b.ctx))
}
