package journal

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestFilesArePrivate opens a journal in a folder that all may read, anew and as an
// earlier hellox made it: what it holds is for this user alone.
func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("who may read a file is no mode there")
	}
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, made := range []string{"anew", "by an earlier hellox"} {
		j, err := Open(Options{Folder: folder})
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if files++; info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %s has the mode %s", made, filepath.Base(path), info.Mode())
			}
			return nil
		})
		if err != nil || files < 2 {
			t.Errorf("%s: %d files, %v", made, files, err)
		}
		j.Close()
		if err := os.Chmod(filepath.Join(folder, "broker.db"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
