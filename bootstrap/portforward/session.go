package portforward

import (
	"context"
	"fmt"
	"net/http"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"hellox/bootstrap/kube"
)

// openSession opens a connection, through the API server, that ends in a pod:
// over a WebSocket, or over SPDY if the API server is too old for that or a proxy
// is in the way.
func openSession(ctx context.Context, client *kube.Client, namespace, pod string) (httpstream.Connection, error) {
	dialer, err := newDialer(client, namespace, pod)
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
		// client-go's dialers take no context: this one ends with its TCP
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

// newDialer returns a dialer of port-forward connections to a pod.
func newDialer(client *kube.Client, namespace, pod string) (httpstream.Dialer, error) {
	address := client.REST.Post().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "portforward").URL()
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(address, client.Config)
	if err != nil {
		return nil, fmt.Errorf("reach pod %s through the API server: %w", pod, err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(client.Config)
	if err != nil {
		return nil, fmt.Errorf("reach pod %s through the API server: %w", pod, err)
	}
	plain := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, address)
	return portforward.NewFallbackDialerForStreaming(websocket, plain, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
