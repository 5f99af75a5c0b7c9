package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"hellox/sqlitefile"
)

// TestHeals holds which files are waited for, and that each has a hint.
func TestHeals(t *testing.T) {
	dir := t.TempDir()
	used, locked, foreign := filepath.Join(dir, "used.db"), filepath.Join(dir, "locked.db"), filepath.Join(dir, "foreign")
	openTest(t, used, Options{})
	closedHistory(t, locked)
	other, err := sqlitefile.Dial(t.Context(), locked, "_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Script(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	write(t, foreign, []byte(strings.Repeat("letter ", 100)))
	for path, want := range map[string]struct {
		heals bool
		says  string
	}{
		used:    {true, "another receiver is using it"},
		locked:  {true, "another program has locked it"},
		foreign: {false, "it is not a history of hellox"},
		dir:     {false, "is not a regular file"},
	} {
		_, err := Open(t.Context(), path, Options{})
		hint, heals := Heals(err)
		if err == nil || !strings.Contains(err.Error(), want.says) || heals != want.heals || heals && hint == "" {
			t.Errorf("%s: %v: heals %v, hint %q", path, err, heals, hint)
		}
	}
	for errno, want := range map[syscall.Errno]bool{syscall.ENOSPC: true, syscall.EIO: true, syscall.EMFILE: true, syscall.EACCES: false, syscall.EROFS: false} {
		err := fmt.Errorf("store: %w", &FileError{Path: used, Reason: "it cannot be read", Err: &fs.PathError{Op: "open", Path: used, Err: errno}})
		if hint, heals := Heals(err); heals != want || heals && hint == "" {
			t.Errorf("%v: heals %v, hint %q", err, heals, hint)
		}
	}
	if _, heals := Heals(errors.Join(os.ErrClosed)); heals {
		t.Error("an error of no file heals")
	}
}
