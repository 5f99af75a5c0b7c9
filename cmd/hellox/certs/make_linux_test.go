package certs

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMakeOnFullDisk makes the files where there is room for some of them: none is
// left in part, nor half a pair, and with room the next Make makes what is missing.
func TestMakeOnFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	for pages := range 6 {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24k"); err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
		filler := filepath.Join(dir, "filler")
		if err := os.WriteFile(filler, make([]byte, (6-pages)*4096), 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{Dir: dir, Hosts: []string{"localhost"}, Now: time.Now()}
		made, err := Make(o)
		if pages < 4 && !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("with %d pages: %v, %v", pages, made, err)
		}
		if all, _ := os.ReadDir(dir); len(all) != len(made)+1 || len(made)%2 != 0 {
			t.Errorf("with %d pages there are %v, made are %v", pages, all, made)
		}
		if err := os.Truncate(filler, 0); err != nil {
			t.Fatal(err)
		}
		if again, err := Make(o); err != nil || len(made)+len(again) != 4 {
			t.Errorf("with room %v, %v after %v", again, err, made)
		}
	}
}
