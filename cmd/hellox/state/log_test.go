package state

import (
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"
)

// A smallFile is a file on a disk with room for so many bytes.
type smallFile struct {
	bytes.Buffer
	room int
}

func (f *smallFile) Write(p []byte) (int, error) {
	n, err := len(p), error(nil)
	if n > f.room {
		n, err = f.room, syscall.ENOSPC
	}
	f.room -= n
	f.Buffer.Write(p[:n])
	return n, err
}

func (*smallFile) Close() error { return nil }

// TestWholeLines fills the disk at each byte of the first lines: what is logged when there
// is room again is whole, on a line of its own.
func TestWholeLines(t *testing.T) {
	for room := range 20 {
		f := &smallFile{room: room}
		var log io.WriteCloser = &wholeLines{to: f}
		for range 3 {
			_, _ = io.WriteString(log, "lost\n")
		}
		f.room = 100
		for range 2 {
			if _, err := io.WriteString(log, "stored again\n"); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Split(f.String(), "\n"); strings.Join(got[max(0, len(got)-3):], "|") != "stored again|stored again|" {
			t.Errorf("with room for %d bytes the file is %q", room, f.String())
		}
	}
}
