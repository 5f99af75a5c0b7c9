package state

import (
	"io"

	"gopkg.in/natefinch/lumberjack.v2"
)

// OpenLog returns what writes the log file at path, of which one older part of 16 MiB is kept.
// Each Write is one line.
func OpenLog(path string) io.WriteCloser {
	return &wholeLines{to: &lumberjack.Logger{Filename: path, MaxSize: 16, MaxBackups: 1}}
}

// wholeLines writes lines to a file whose disk may be full: what comes after a line that
// was cut off there begins a line of its own. It is not for concurrent use.
type wholeLines struct {
	to  io.WriteCloser
	cut bool
}

func (w *wholeLines) Write(line []byte) (int, error) {
	if w.cut {
		if _, err := w.to.Write([]byte("\n")); err != nil {
			return 0, err
		}
		w.cut = false
	}
	n, err := w.to.Write(line)
	w.cut = err != nil && n > 0
	return n, err
}

func (w *wholeLines) Close() error { return w.to.Close() }
