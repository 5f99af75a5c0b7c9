package file_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/file"
)

// A full disk ends the recording with its cause; what is in the file is a recording.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	for _, name := range names {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Skipf("mount: %v", err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
		path := filepath.Join(dir, name)
		w, err := file.Create(path, options())
		if err != nil {
			t.Fatal(err)
		}
		events := random(t, 4000)
		n := 0
		for err == nil && n < len(events) {
			if err = w.Write(events[n : n+10]); err == nil {
				n += 10
			}
		}
		if !errors.Is(err, syscall.ENOSPC) || w.Status().Err == nil || w.Status().Messages != uint64(n) {
			t.Fatalf("after %d messages: %v, %+v", n, err, w.Status())
		}
		if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close returned %v", err)
		}
		if got, f := follow(t, path); len(got) != n || f.Damage() != (file.Damage{}) {
			t.Errorf("%s: %d of %d messages, %v", name, len(got), n, f.Damage())
		}
	}
}

// A named pipe is read as it comes, and not recorded to: neither may block.
func TestNamedPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := file.Create(path, options()); err == nil || !strings.Contains(err.Error(), "named pipe") {
		t.Errorf("Create: %v", err)
	}
	// A pipe of its own: the open that cannot be ended is a reader of it, to which a
	// writer of the next lines would write before theirs is there.
	lonely := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(lonely, 0o600); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := file.Follow(short, lonely, history.Select{}, time.Time{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Follow without a writer: %v", err)
	}
	plain := filepath.Join(t.TempDir(), "run.ndjson")
	record(t, plain, options(), random(t, 20), 20)
	go func() {
		from, _ := os.Open(plain)
		defer from.Close()
		if to, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			_, _ = io.Copy(to, from)
			to.Close()
		}
	}()
	if got, _ := follow(t, path); len(got) != 20 {
		t.Errorf("%d messages came through the pipe", len(got))
	}
	go func() {
		if to, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
			fmt.Fprintln(to, `{"recording":1,"version":"v1","source":"s","start":"2026-01-01T00:00:00Z"}`)
			<-t.Context().Done()
			to.Close()
		}
	}()
	f, err := file.Follow(t.Context(), path, history.Select{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	quiet, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if _, err := f.Next(quiet); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a quiet pipe: %v", err)
	}
}
