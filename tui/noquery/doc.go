// Package noquery keeps Bubble Tea's package initialization from querying the
// terminal, so that no command but watch writes to it or reads from it.
//
// Bubble Tea v1 asks for the background colour in an init function: it waits 5 s
// for a terminal that never answers, and swallows what was typed meanwhile
// (charmbracelet/bubbletea#1771). It does not ask a terminal of the type dumb.
// This package's init therefore sets TERM to dumb until Restore, the first
// line of main.
//
// Go initializes the packages that are ready in the order of their import paths.
// This one imports only os, so it is ready as soon as os is; Bubble Tea then
// still waits for os/signal, whose path sorts after this one's. Another import
// here would undo that: TestTerminalIsNotQueried holds it.
package noquery

import "os"

// The process's own value of TERM.
var terminal, isSet = os.LookupEnv("TERM")

func init() { _ = os.Setenv("TERM", "dumb") }

// Restore gives TERM its value back.
func Restore() {
	if isSet {
		_ = os.Setenv("TERM", terminal)
		return
	}
	_ = os.Unsetenv("TERM")
}
