//go:build linux

package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hellox/stream"
)

// TestNoRoomToOpen opens a store on a disk that has no room at all: the error says that,
// and what to do.
func TestNoRoomToOpen(t *testing.T) {
	dir := smallDisk(t, 1<<20)
	store := filepath.Join(dir, "store")
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	defer fill(t, dir)()
	_, err := New(Options{Store: store})
	if err == nil {
		t.Fatal("it opens")
	}
	if want := "open the store " + store + ": its disk is full"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %q, want %q", err, want)
	}
	if hint := stream.Hint(err); !strings.Contains(hint, "make room on the disk") {
		t.Errorf("the hint is %q", hint)
	}
}
