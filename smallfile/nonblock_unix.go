//go:build unix

package smallfile

import "syscall"

// nonblock has the open of a FIFO return at once.
const nonblock = syscall.O_NONBLOCK
