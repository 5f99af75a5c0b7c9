package wholeframe

import (
	"bytes"
	"io"
	"os"
	"slices"
)

// The alternate screen is entered and left by a private mode; another one wraps, and a
// third has the terminal show nothing until it ends.
const (
	enter  = "\x1b[?1049h"
	leave  = "\x1b[?1049l"
	wrap   = "\x1b[?7h"
	noWrap = "\x1b[?7l"
	home   = "\x1b[H" // begins each frame
	hold   = "\x1b[?2026h"
	show   = "\x1b[?2026l"
)

// Output returns a writer to out that turns wrapping off whenever the alternate
// screen is entered, and on before it is left: at the end, however that comes, and
// while the program is suspended. A frame is shown at once where the terminal can do
// that; others ignore what asks for it. It is a terminal where out is one.
func Output(out io.Writer) io.Writer {
	if f, ok := out.(*os.File); ok {
		return terminal{writer{f}, f}
	}
	return writer{out}
}

type writer struct{ out io.Writer }

// Write writes b, in which the sequences of the alternate screen are whole.
func (w writer) Write(b []byte) (int, error) {
	if bytes.HasPrefix(b, []byte(home)) && len(b) > len(home) {
		if _, err := w.out.Write(slices.Concat([]byte(hold), b, []byte(show))); err != nil {
			return 0, err
		}
		return len(b), nil
	}
	if !bytes.Contains(b, []byte(enter[:len(enter)-1])) {
		return w.out.Write(b)
	}
	changed := bytes.ReplaceAll(b, []byte(enter), []byte(enter+noWrap))
	changed = bytes.ReplaceAll(changed, []byte(leave), []byte(wrap+leave))
	if _, err := w.out.Write(changed); err != nil {
		return 0, err
	}
	return len(b), nil
}

// A terminal is what Bubble Tea takes for one. The file is not embedded: its other
// ways to write would pass by Write.
type terminal struct {
	writer
	file *os.File
}

// Read reads from the terminal.
func (t terminal) Read(b []byte) (int, error) { return t.file.Read(b) }

// Close closes the terminal.
func (t terminal) Close() error { return t.file.Close() }

// Fd returns the file descriptor, for the terminal's size and modes.
func (t terminal) Fd() uintptr { return t.file.Fd() }
