//go:build unix

package smallfile

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadNeverWaits reads what is no regular file: each is refused at once, and a
// regular file that takes its place is read.
func TestReadNeverWaits(t *testing.T) {
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	large := filepath.Join(dir, "large")
	if err := errors.Join(os.WriteFile(large, nil, 0o600), os.Truncate(large, Max+1)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		fifo: "it is a pipe, not a regular file", socket: "it is a socket", "/dev/zero": "it is a device", dir: "it is a folder",
		large: "it has more than 16777216 bytes", filepath.Join(dir, "none"): "open " + dir,
	} {
		if text, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %d bytes, %v; want %q", path, len(text), err, want)
		}
	}
	if err := errors.Join(os.Remove(fifo), os.WriteFile(fifo, []byte("text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(fifo); string(text) != "text" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// TestReadPipe reads a pipe to its end, and leaves one into which nothing is written when
// the context ends.
func TestReadPipe(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil || !IsPipe(fifo) || IsPipe("/dev/zero") {
		t.Fatal(err, IsPipe(fifo))
	}
	go func() { _ = os.WriteFile(fifo, []byte("secret\n"), 0) }()
	if text, err := ReadPipe(t.Context(), fifo); string(text) != "secret\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := ReadPipe(ctx, fifo); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	// The reader that is left ends.
	if w, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		w.Close()
	}
}
