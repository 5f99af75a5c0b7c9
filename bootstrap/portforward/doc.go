// Package portforward forwards ports of this machine's loopback to pods, through
// the API server.
//
//	client ──► Listener ──► Forward ──► forwarder ──► session ──► pod's loopback
//	           (127.0.0.1,             (a ready pod)  (WebSocket
//	            ::1)                                   or SPDY)
//
// A Forward outlives the pods: each connection dials a pod that is ready then. Each connection has a session of its own, because the streams of
// one session have no flow control.
package portforward
