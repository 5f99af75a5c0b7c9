package mqtt

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLostProbe: one probe of the kernel's keep alive that is lost does not end a
// connection that is idle: another one is sent before the kernel gives it up.
func TestLostProbe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	conn, err := dial(t.Context(), Broker{Scheme: "mqtt", Host: ln.Addr().String()}, time.Minute, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(name int, unit time.Duration) (value time.Duration) {
		if err := raw.Control(func(fd uintptr) {
			n, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name)
			if err != nil {
				t.Error(err)
			}
			value = time.Duration(n) * unit
		}); err != nil {
			t.Error(err)
		}
		return value
	}
	idle, interval := option(unix.TCP_KEEPIDLE, time.Second), option(unix.TCP_KEEPINTVL, time.Second)
	if most := option(unix.TCP_USER_TIMEOUT, time.Millisecond); idle+2*interval >= most {
		t.Errorf("the first probe is sent after %s, others each %s, and after %s the kernel gives up", idle, interval, most)
	}
}
