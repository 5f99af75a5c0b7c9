package streamtest

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestFreeAddress has a port listened at twice, and held in between: who does not name
// it does not get it.
func TestFreeAddress(t *testing.T) {
	address := FreeAddress(t)
	strict := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 0) })
	}}
	for range 2 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("something listens on %s", address)
		}
		if ln, err := strict.Listen(t.Context(), "tcp", address); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the port is not held: %v, %v", ln, err)
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
	}
}
