//go:build unix

package bgcolor

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Ask asks the terminal that in and out belong to for its background. It
// returns after 200 ms at the latest; in is then as it was.
func Ask(in, out *os.File) Answer {
	fd := int(in.Fd())
	if !answers(os.Getenv("TERM")) || fd >= unix.FD_SETSIZE || !term.IsTerminal(int(out.Fd())) {
		return Answer{}
	}
	state, err := term.MakeRaw(fd)
	if err != nil {
		return Answer{}
	}
	defer func() { _ = term.Restore(fd, state) }()
	if _, err := out.WriteString(query); err != nil {
		return Answer{}
	}
	var read []byte
	buf := make([]byte, 256)
	for deadline := time.Now().Add(bound); !complete(read) && readable(fd, time.Until(deadline)); {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if n <= 0 || err != nil {
			break
		}
		read = append(read, buf[:n]...)
	}
	return parse(read)
}

// readable waits until fd can be read, or for the time that is left.
func readable(fd int, left time.Duration) bool {
	for deadline := time.Now().Add(left); left > 0; left = time.Until(deadline) {
		var set unix.FdSet
		set.Set(fd)
		timeout := unix.NsecToTimeval(int64(left))
		n, err := unix.Select(fd+1, &set, nil, nil, &timeout)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n > 0
	}
	return false
}

func lateAnswer(in *os.File) io.Reader { return &Input{File: in} }
