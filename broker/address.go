package broker

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// An Address is where and how a broker listens.
type Address struct {
	HostPort  string // as net.Listen takes it
	WebSocket bool
	TLS       bool
}

// ParseListen reads the address of a listener: mqtt://, mqtts://, ws:// or
// wss://HOST:PORT. The port defaults to the scheme's (1883, 8883, 80, 443), the
// host to every address of the machine. A WebSocket listener answers on every
// path, so the address may have one.
func ParseListen(raw string) (Address, error) {
	fail := func(cause string) (Address, error) {
		return Address{}, fmt.Errorf("listen on %q: %s", raw, cause)
	}
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok {
		return fail("it has no scheme; write mqtt://HOST:PORT (or mqtts, ws, wss)")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return fail("it is not a URL")
	}
	var a Address
	port := ""
	switch scheme {
	case "mqtt":
		port = "1883"
	case "mqtts":
		port, a.TLS = "8883", true
	case "ws":
		port, a.WebSocket = "80", true
	case "wss":
		port, a.WebSocket, a.TLS = "443", true, true
	default:
		return fail(fmt.Sprintf("the scheme %q is none of mqtt, mqtts, ws, wss", scheme))
	}
	switch {
	case u.User != nil:
		return fail("a listener has no user; see --users")
	case u.RawQuery != "" || u.Fragment != "":
		return fail("a listener has no query and no fragment")
	case !a.WebSocket && u.Path != "" && u.Path != "/":
		return fail("only ws and wss have a path")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	a.HostPort = net.JoinHostPort(u.Hostname(), port)
	return a, nil
}
