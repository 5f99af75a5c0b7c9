package mqtt

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged makes the kernel give a connection up when bytes have not
// been acknowledged for unackedLimit. TCP by itself tries for a quarter of an hour, and
// its keep alive rests while something is under way.
func limitUnacknowledged(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unackedLimit.Milliseconds()))
	}); controlErr != nil {
		return controlErr
	}
	return err
}
