//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFaultFull makes the disk under the broker's store, then the disk under
// the history, full five times for 3 s each while 200 messages a second are
// said. Nothing that was acknowledged may be lost, and both must heal without
// a restart.
func TestFaultFull(t *testing.T) {
	long(t)
	for _, under := range []string{"broker", "history"} {
		t.Run(under, func(t *testing.T) {
			disk := smallDisk(t, 64<<20)
			brokerDir, historyDir := t.TempDir(), t.TempDir()
			if under == "broker" {
				brokerDir = disk
			} else {
				historyDir = disk
			}
			r := newRig(t, brokerDir, historyDir)
			for range 5 {
				time.Sleep(2 * time.Second)
				free := fill(t, disk)
				time.Sleep(3 * time.Second)
				free()
				kept := r.stats().Stored
				until(t, "messages are kept again", func() bool { return r.stats().Stored > kept })
			}
			r.check()
		})
	}
}

// smallDisk mounts a file system of so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("hellox-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		needed(t, "the right to mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill uses up every byte of the disk and returns what gives them back.
func fill(t *testing.T, disk string) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
