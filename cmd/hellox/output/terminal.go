package output

import (
	"os"

	"golang.org/x/term"
)

// IsTerminal reports whether a stream of the process is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Capable reports whether w takes colours and a spinner: it is a terminal, and
// neither NO_COLOR nor TERM=dumb forbids them.
func Capable(w any, env func(string) (string, bool)) bool {
	if v, ok := env("NO_COLOR"); ok && v != "" {
		return false
	}
	if v, _ := env("TERM"); v == "dumb" {
		return false
	}
	return IsTerminal(w)
}

// columns returns the width of the terminal w, at most 100; 80 if it is none.
func columns(w any) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n >= 40 {
			return min(n, 100)
		}
	}
	return 80
}
