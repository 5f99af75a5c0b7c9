package streamtest

import (
	"net"
	"strconv"

	"golang.org/x/sys/unix"
)

// HoldAddress returns a loopback address that nothing listens on, whose port is held
// until release is called: a socket that is bound and does not listen keeps the kernel
// from giving the port to a program that asks for any. One that names the port gets it.
func HoldAddress() (address string, release func(), err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	release = func() { _ = unix.Close(fd) }
	// Listeners have this option as well, without which they would not get the port.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var bound unix.Sockaddr
	if err == nil {
		bound, err = unix.Getsockname(fd)
	}
	if err != nil {
		release()
		return "", nil, err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*unix.SockaddrInet4).Port)), release, nil
}
