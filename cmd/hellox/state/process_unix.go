//go:build unix

package state

import (
	"os"
	"syscall"
)

// resume lets a process go on that SIGSTOP or Ctrl-Z stopped.
func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// removeCommand is what a person types before a file's name to remove it.
const removeCommand = "rm"

// moveCommand is what a person types before two names to rename a file.
const moveCommand = "mv"

// killCommand is what a person types before a process ID to end that process.
const killCommand = "kill -9"

// stopCommand is the same for a process that is to end in order.
const stopCommand = "kill"
