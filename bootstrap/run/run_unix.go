//go:build !windows

package run

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminate asks a program to exit.
func terminate(p *os.Process) error { return p.Signal(unix.SIGTERM) }

// detach lets a program outlive this process and the terminal's Ctrl-C.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
