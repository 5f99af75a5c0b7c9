package run

import (
	"errors"
	"io"
)

// errReadEnough ends the writing of what its reader has stopped reading.
var errReadEnough = errors.New("the reader has stopped reading")

// Pipe runs write and read at once: read reads what write writes. It returns the
// errors of both; written is nil if write failed only because read had stopped.
func Pipe(write func(io.Writer) error, read func(io.Reader) error) (written, err error) {
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := write(w)
		w.CloseWithError(err)
		ended <- err
	}()
	err = read(r)
	r.CloseWithError(errReadEnough)
	if written = <-ended; errors.Is(written, errReadEnough) {
		written = nil
	}
	return written, err
}
