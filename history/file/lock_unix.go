//go:build unix

package file

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock takes the lock by which a Writer shows that it writes f. A reader that asks
// growing holds it for a moment, so it is tried more than once.
func lock(f *os.File) error {
	for try := 0; ; try++ {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EWOULDBLOCK) && try < 20:
			time.Sleep(5 * time.Millisecond)
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrInUse
		default:
			return nil // a file system without locks is no reason not to record
		}
	}
}

// growing reports whether a Writer has the file of f open.
func growing(f *os.File) bool {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return errors.Is(err, unix.EWOULDBLOCK)
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return false
}
