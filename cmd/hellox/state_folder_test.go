//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestStateFolder begins an up whose state folder is full, to different degrees, or
// read-only: it says so once, with what to type.
func TestStateFolder(t *testing.T) {
	disk := smallDisk(t, 1<<20)
	h := newHome(t)
	h.env, h.root = append(h.env, "XDG_STATE_HOME="+disk), filepath.Join(disk, "hellox")
	up := func(name, cause, hint string, more ...string) {
		t.Helper()
		_, errs, code := h.command(t, append([]string{"up", "--target", "local", "--web-port", "0", "--mqtt-port", "0", "--output", "json"}, more...)...)
		said, _ := strings.CutPrefix(errs, "hellox: ")
		if code != exitFailed || strings.Count(said, cause) != 1 || !strings.Contains(errs, "hint: "+hint) {
			t.Errorf("%s: exit %d: %s", name, code, errs)
		}
	}
	for _, free := range []int64{0, 8 << 10, 32 << 10, 48 << 10} {
		if err := os.RemoveAll(filepath.Join(disk, "hellox")); err != nil {
			t.Fatal(err)
		}
		release := fill(t, disk)
		if err := os.Truncate(filepath.Join(disk, "filler"), 1<<20-free); err != nil {
			t.Fatal(err)
		}
		up("a full disk", "the disk of "+filepath.Join(disk, "hellox", "local..hellox")+" is full", "df -h "+disk)
		up("a full disk, in the background", "the disk of "+filepath.Join(disk, "hellox", "local..hellox")+" is full", "df -h "+disk, "--detach")
		release()
	}
	down := func(name, cause, hint string) {
		t.Helper()
		_, errs, code := h.command(t, "down")
		if code != exitFailed || strings.Count(errs, cause) < 1 || !strings.Contains(errs, "hint: "+hint) || strings.Contains(errs, "chmod") {
			t.Errorf("down on %s: exit %d: %s", name, code, errs)
		}
	}
	h.record(t, "local", "")
	release := fill(t, disk)
	down("a full disk", "its disk is full", "df -h "+disk)
	release()
	if err := os.RemoveAll(filepath.Join(disk, "hellox")); err != nil {
		t.Fatal(err)
	}
	h.record(t, "local", "")
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	up("a read-only disk", "read-only file system", "XDG_STATE_HOME=")
	up("a read-only disk, in the background", "read-only file system", "XDG_STATE_HOME=", "--detach")
	down("a read-only disk", "its disk is read-only", "findmnt --target "+disk)
}
