package main

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// terminal tells whether w is one.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// smart tells whether w takes colours and a spinner: a terminal, and neither
// NO_COLOR nor TERM=dumb says otherwise.
func smart(w any, env func(string) (string, bool)) bool {
	if v, ok := env("NO_COLOR"); ok && v != "" {
		return false
	}
	if v, _ := env("TERM"); v == "dumb" {
		return false
	}
	return terminal(w)
}

// columns is the width of the terminal w, else 80.
func columns(w any) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n >= 40 {
			return min(n, 100)
		}
	}
	return 80
}

// newSteps makes the lines of a command's steps: for people on stderr, or with
// asJSON as objects on stdout.
func newSteps(sh shell, asJSON bool) *stepLines {
	s := &stepLines{out: sh.err, smart: smart(sh.err, sh.env), width: columns(sh.err), now: time.Now}
	if asJSON {
		s.out, s.json, s.smart = io.Discard, json.NewEncoder(sh.out), false
	}
	return s
}
