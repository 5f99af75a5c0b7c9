package smallfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What is read while a file is replaced is what was written, whole; nothing is left.
func TestWriteIsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.json")
	texts := [2]string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	if err := Write(path, []byte(texts[0])); err != nil {
		t.Fatal(err)
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range 50 {
			if err := Write(path, []byte(texts[i%2])); err != nil {
				t.Error(err)
			}
		}
	})
	for range 200 {
		if text, err := os.ReadFile(path); err != nil || string(text) != texts[0] && string(text) != texts[1] {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	}
	writing.Wait()
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%v are left", left)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A file that is replaced keeps its mode, and the link to it stays one.
func TestWriteKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Chmod(path, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if err := Write(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	is, linkErr := os.Lstat(link)
	info, statErr := os.Stat(path)
	if err := errors.Join(err, linkErr, statErr); err != nil {
		t.Fatal(err)
	}
	if string(text) != "new" || is.Mode()&fs.ModeSymlink == 0 || info.Mode().Perm() != 0o644 && os.PathSeparator == '/' {
		t.Errorf("%q, %v, %v", text, is.Mode(), info.Mode())
	}
}

// Errors name the file that was to be written, and nothing is left.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, write := range []func(string, []byte) error{Write, Create} {
		for _, name := range []string{path, filepath.Join(dir, "none", "file")} {
			if err := write(name, nil); err == nil || !strings.HasPrefix(err.Error(), "write "+name+": ") || strings.Contains(err.Error(), ".hellox-") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := Create(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%v are left", left)
	}
}

// Create overwrites nothing.
func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	for i, want := range []error{nil, fs.ErrExist} {
		if err := Create(path, []byte{byte('a' + i)}); !errors.Is(err, want) {
			t.Error(err)
		}
	}
	if text, err := os.ReadFile(path); string(text) != "a" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
