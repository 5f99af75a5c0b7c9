//go:build unix

package state

import "syscall"

// ownSession lets a process outlive the terminal that it was started from.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
