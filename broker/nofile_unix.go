//go:build unix

package broker

import "golang.org/x/sys/unix"

// maxConnections is half of the file descriptors: the others are for the store and
// for the rest of the process.
func maxConnections() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return defaultConnections
	}
	return int(min(limit.Cur/2, maxOpen))
}

const (
	defaultConnections = 512
	maxOpen            = 1 << 20
)
