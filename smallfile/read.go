package smallfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Max is what a file may have, in bytes.
const Max = 16 << 20

// Read returns the content of a regular file of at most Max bytes. Its errors are of
// the type *fs.PathError.
func Read(path string) ([]byte, error) {
	// Before it is opened, too: to open a device may do something.
	info, err := os.Stat(path)
	if err != nil {
		return nil, renamed(err, path)
	}
	if err := regular(path, info.Mode()); err != nil {
		return nil, err
	}
	// It may be a FIFO by now, of which an open waits for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, renamed(err, path)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, renamed(err, path)
	}
	if err := regular(path, info.Mode()); err != nil {
		return nil, err
	}
	return readAll(file, path)
}

// IsPipe reports whether path names a pipe.
func IsPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// ReadPipe returns what is written into a pipe, of at most Max bytes. It waits for
// the writers to close it, until ctx ends. Then the goroutine that reads stays until
// they do: an open that waits for a writer cannot be ended on every system.
func ReadPipe(ctx context.Context, path string) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		file, err := os.Open(path)
		if err != nil {
			done <- result{nil, renamed(err, path)}
			return
		}
		defer file.Close()
		text, err := readAll(file, path)
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return nil, &fs.PathError{Op: "read", Path: path, Err: ctx.Err()}
	}
}

func readAll(file *os.File, path string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, Max+1))
	switch {
	case err != nil:
		return nil, renamed(err, path)
	case len(text) > Max:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", Max)}
	}
	return text, nil
}

// regular returns why a file of that mode is not read, or nil.
func regular(path string, mode fs.FileMode) error {
	what := "a device"
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return &fs.PathError{Op: "read", Path: path, Err: errors.New("it is " + what + ", not a regular file")}
}

// renamed returns err with the operation that the caller asked for, which is not to
// stat.
func renamed(err error, path string) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return &fs.PathError{Op: "open", Path: path, Err: p.Err}
	}
	return err
}
