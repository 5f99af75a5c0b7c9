package smallfile

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// errSharing is ERROR_SHARING_VIOLATION, which package syscall does not name.
const errSharing = syscall.Errno(32)

// rename gives a file its name, in the place of another one. Windows refuses that as
// long as any process has that one open, as a reader or a virus scanner shortly has.
func rename(from, to string) error {
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(from, to)
		busy := errors.Is(err, syscall.ERROR_ACCESS_DENIED) || errors.Is(err, errSharing)
		if !busy || time.Since(began) > time.Second {
			return err
		}
	}
}

// syncDir does nothing: Windows opens no folder.
func syncDir(string) error { return nil }
