//go:build unix

package main

import "syscall"

// ownSession lets a process outlive the terminal that it was started from.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
