package sources_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/sources"
)

// A rig is a watcher of a folder and of a file in another folder.
type rig struct {
	*testing.T
	dir, file string
	*sources.Watcher
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, dir: t.TempDir(), file: filepath.Join(t.TempDir(), "program")}
	r.write(r.file, "1")
	r.write(filepath.Join(r.dir, "deep/down/a.go"), "1")
	r.write(filepath.Join(r.dir, "left-out/b.go"), "1")
	w, err := sources.New([]sources.Tree{
		{Name: "press", Path: r.dir, Ignored: func(path string, _ bool) bool {
			return path == "left-out" || strings.HasPrefix(path, "left-out/") || strings.HasSuffix(path, ".md")
		}},
		{Name: "program", Path: r.file},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	r.Watcher = w
	return r
}

func (r *rig) write(path, text string) {
	r.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		r.Fatal(err)
	}
}

// next returns the names of the next change; nil if none comes within a time.
func (r *rig) next(within time.Duration) []string {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	c, err := r.Next(ctx)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		r.Fatal(err)
	}
	return c.Names
}

func TestWatcher(t *testing.T) {
	const soon, never = time.Minute, 400 * time.Millisecond
	r := newRig(t)
	began := time.Now()
	r.write(filepath.Join(r.dir, "deep/down/a.go"), "2")
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	c, err := r.Next(ctx)
	if err != nil || !slices.Equal(c.Names, []string{"press"}) || c.Began.Before(began) || c.Began.After(time.Now()) {
		t.Errorf("a changed file: %v, %v", c, err)
	}
	r.write(filepath.Join(r.dir, "left-out/b.go"), "2")
	r.write(filepath.Join(r.dir, "notes.md"), "2")
	r.write(filepath.Join(filepath.Dir(r.file), "another"), "2")
	if err := os.Chmod(filepath.Join(r.dir, "deep/down/a.go"), 0o640); err != nil {
		t.Fatal(err)
	}
	if got := r.next(never); got != nil {
		t.Errorf("what does not matter is a change of %v", got)
	}
	// A compiler puts the new program in the place of the old one.
	r.write(r.file+".new", "2")
	if err := os.Rename(r.file+".new", r.file); err != nil {
		t.Fatal(err)
	}
	if got := r.next(soon); !slices.Equal(got, []string{"program"}) {
		t.Errorf("a file in the place of another: %v", got)
	}
	r.write(r.file, "3")
	if got := r.next(soon); !slices.Equal(got, []string{"program"}) {
		t.Errorf("the file that took its place: %v", got)
	}
	// A folder that is new is watched, with what was in it before that.
	r.write(filepath.Join(r.dir, "new/down/c.go"), "1")
	if got := r.next(soon); !slices.Equal(got, []string{"press"}) {
		t.Errorf("a new folder: %v", got)
	}
	r.write(filepath.Join(r.dir, "new/down/c.go"), "2")
	if got := r.next(soon); !slices.Equal(got, []string{"press"}) {
		t.Errorf("a file in the new folder: %v", got)
	}
	if err := os.Remove(filepath.Join(r.dir, "new/down/c.go")); err != nil {
		t.Fatal(err)
	}
	if got := r.next(soon); !slices.Equal(got, []string{"press"}) {
		t.Errorf("a removed file: %v", got)
	}
}

// Changes close together are one, and those while nothing waits for them are not lost.
func TestChangesTogether(t *testing.T) {
	r := newRig(t)
	for range 20 {
		r.write(filepath.Join(r.dir, "deep/down/a.go"), "2")
	}
	r.write(r.file, "2")
	if got := r.next(time.Minute); !slices.Equal(got, []string{"press", "program"}) {
		t.Errorf("changes close together: %v", got)
	}
	if got := r.next(400 * time.Millisecond); got != nil {
		t.Errorf("they are told twice: %v", got)
	}
	if _, err := sources.New([]sources.Tree{{Path: filepath.Join(r.dir, "absent")}}); err == nil {
		t.Error("a folder that is not there is watched")
	}
}
