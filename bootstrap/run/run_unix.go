//go:build !windows

package run

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminate asks a program to end.
func terminate(p *os.Process) error { return p.Signal(unix.SIGTERM) }

// leaveAlone lets a program outlive us and the terminal's Ctrl-C.
func leaveAlone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
