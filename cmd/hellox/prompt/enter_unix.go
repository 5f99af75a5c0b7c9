//go:build unix

package prompt

import (
	"os/signal"
	"syscall"
)

// ignoreStopOnRead makes a read from the terminal fail in the background.
func ignoreStopOnRead() { signal.Ignore(syscall.SIGTTIN) }
