package prompt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// All reads in to its end. It returns the error of ctx when that ends first.
func All(ctx context.Context, in io.Reader) ([]byte, error) {
	return until(ctx, func() ([]byte, error) { return io.ReadAll(in) })
}

// Line reads a line from in, without its end. It returns the error of ctx when
// that ends first.
func Line(ctx context.Context, in io.Reader) (string, error) {
	return until(ctx, func() (string, error) {
		line, err := bufio.NewReader(in).ReadString('\n')
		return string(bytes.TrimRight([]byte(line), "\r\n")), err
	})
}

// Confirm shows a question on out and reports whether the line read from in is a yes.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	answer, err := Line(ctx, in)
	if err != nil {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// Password shows a question on out and reads a line from the terminal in,
// without showing it. It returns context.Canceled after Ctrl-C, and the error
// of ctx when that ends first. The terminal is then as it was.
func Password(ctx context.Context, in *os.File, out io.Writer, question string) (string, error) {
	fd := int(in.Fd())
	// Raw mode is set here, not by the goroutine that reads: it could set it after
	// this function has restored the terminal.
	state, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	keys := &keyboard{in: in, out: out}
	text, err := until(ctx, func() (string, error) { return term.NewTerminal(keys, "").ReadPassword(question) })
	if restored := term.Restore(fd, state); err == nil {
		err = restored
	}
	if err == nil {
		return text, nil
	}
	fmt.Fprintln(out) // only Enter ends the line
	if ctx.Err() == nil && errors.Is(err, errCtrlC) {
		return "", context.Canceled
	}
	return "", err
}

// errCtrlC is the error of a keyboard on which Ctrl-C was typed.
var errCtrlC = errors.New("Ctrl-C was typed")

// A keyboard is a terminal in raw mode, where Ctrl-C is a character. Everything
// up to it is discarded with it.
type keyboard struct {
	in  io.Reader
	out io.Writer
}

func (k *keyboard) Write(b []byte) (int, error) { return k.out.Write(b) }

func (k *keyboard) Read(b []byte) (int, error) {
	n, err := k.in.Read(b)
	if bytes.IndexByte(b[:max(n, 0)], 0x03) >= 0 {
		return 0, errCtrlC
	}
	return n, err
}

// until returns what read returns, or the error of ctx when that ends first.
func until[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
