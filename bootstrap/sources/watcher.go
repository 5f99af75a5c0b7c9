package sources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Tree is a folder with all below it, or one file.
type Tree struct {
	Name string // for people
	Path string
	// Ignored reports whether what is below the folder does not matter, by its path
	// within it and with slashes. nil: all matters.
	Ignored func(path string, isDir bool) bool
}

// A Change is one or more changes close together.
type Change struct {
	Names []string  // of the trees that changed, sorted
	Began time.Time // when the first of them was seen
}

// Files of one save, or of one checkout, come close together: a Change ends when none
// has come for quiet, and at the latest after longest.
const (
	quiet   = 100 * time.Millisecond
	longest = 2 * time.Second
)

// A Watcher watches trees until it is closed.
type Watcher struct {
	trees   []Tree
	files   *fsnotify.Watcher
	running sync.WaitGroup

	mu      sync.Mutex
	pending Change
	last    time.Time     // of pending
	err     error         // why no more changes are seen
	wake    chan struct{} // buffered, 1: pending or err has changed; never closed
}

// New returns a watcher of the trees, each of which must exist.
func New(trees []Tree) (*Watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the sources: %w", err)
	}
	w := &Watcher{files: files, wake: make(chan struct{}, 1)}
	for _, t := range trees {
		path, err := filepath.Abs(t.Path)
		if err == nil {
			t.Path = path
			w.trees = append(w.trees, t)
			err = w.add(t)
		}
		if err != nil {
			files.Close()
			return nil, fmt.Errorf("watch %s: %w", t.Path, err)
		}
	}
	w.running.Go(w.run)
	return w, nil
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.files.Close()
	w.running.Wait()
}

// add begins to watch a tree. Of a file its folder is watched: compilers and editors
// put a new file in its place.
func (w *Watcher) add(t Tree) error {
	info, err := os.Stat(t.Path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return w.files.Add(filepath.Dir(t.Path))
	}
	return w.addFolder(t, t.Path)
}

func (w *Watcher) addFolder(t Tree, folder string) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != t.Path {
			return nil // gone meanwhile
		}
		if err != nil || !d.IsDir() {
			return err
		}
		if name, below := t.within(path); below && name != "." && t.Ignored != nil && t.Ignored(name, true) {
			return filepath.SkipDir
		}
		return w.files.Add(path)
	})
}

// within returns path as a path within the tree, with slashes.
func (t Tree) within(path string) (name string, below bool) {
	name, err := filepath.Rel(t.Path, path)
	if err != nil || name == ".." || strings.HasPrefix(name, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(name), true
}

func (w *Watcher) run() {
	for {
		select {
		case e, open := <-w.files.Events:
			if !open {
				return
			}
			w.note(e)
		case err, open := <-w.files.Errors:
			if !open {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.changed(w.trees...) // some were not told: each may be concerned
				continue
			}
			w.mu.Lock()
			w.err = fmt.Errorf("watch the sources: %w", err)
			w.mu.Unlock()
			w.awake()
		}
	}
}

// note takes one event of the file system.
func (w *Watcher) note(e fsnotify.Event) {
	if e.Op == fsnotify.Chmod {
		return // a file's times: indexers and backups touch them
	}
	info, err := os.Stat(e.Name)
	isDir := err == nil && info.IsDir()
	for _, t := range w.trees {
		name, below := t.within(e.Name)
		if !below || t.Ignored != nil && name != "." && t.Ignored(name, isDir) {
			continue
		}
		if isDir && e.Has(fsnotify.Create) {
			_ = w.addFolder(t, e.Name) // what cannot be watched is gone again
		}
		if isDir && !e.Has(fsnotify.Create) {
			continue // its files tell of themselves
		}
		w.changed(t)
	}
}

func (w *Watcher) changed(trees ...Tree) {
	w.mu.Lock()
	w.last = time.Now()
	if len(w.pending.Names) == 0 {
		w.pending.Began = w.last
	}
	for _, t := range trees {
		if i, found := slices.BinarySearch(w.pending.Names, t.Name); !found {
			w.pending.Names = slices.Insert(w.pending.Names, i, t.Name)
		}
	}
	w.mu.Unlock()
	w.awake()
}

func (w *Watcher) awake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Next returns the next change, once it is complete. What changes while its caller is
// busy is in the one after.
func (w *Watcher) Next(ctx context.Context) (Change, error) {
	for {
		w.mu.Lock()
		wait, err := time.Duration(-1), w.err
		if len(w.pending.Names) > 0 {
			wait = min(time.Until(w.last.Add(quiet)), time.Until(w.pending.Began.Add(longest)))
			if wait <= 0 {
				c := w.pending
				w.pending = Change{}
				w.mu.Unlock()
				return c, nil
			}
		}
		w.mu.Unlock()
		if err != nil {
			return Change{}, err
		}
		var complete <-chan time.Time
		if wait > 0 {
			complete = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return Change{}, context.Cause(ctx)
		case <-w.wake:
		case <-complete:
		}
	}
}
