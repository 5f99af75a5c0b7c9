//go:build !linux

package streamtest

import "net"

// HoldAddress returns a loopback address that nothing listened on a moment ago. Only on
// Linux is its port held.
func HoldAddress() (address string, release func(), err error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	defer ln.Close()
	return ln.Addr().String(), func() {}, nil
}
