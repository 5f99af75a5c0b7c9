package run

import (
	"os"
	"os/exec"
	"syscall"
)

// terminate ends a program: Windows has no way to ask one that has no
// window and shares our console.
func terminate(p *os.Process) error { return p.Kill() }

// detach lets a program outlive this process and the console's Ctrl-C.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
