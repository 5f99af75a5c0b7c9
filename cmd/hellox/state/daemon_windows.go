package state

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// ownSession lets a process outlive the console that it was started from.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
