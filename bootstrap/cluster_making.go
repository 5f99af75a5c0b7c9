package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// A making is a cluster that is being made: a note in the state folder,
// locked as long as its maker lives, and touched every second. A note that
// nobody holds is a cluster whose making was cut off; what there is of it is
// deleted, not mended.
type making struct {
	lock *flock.Flock
	stop chan struct{} // closed by end
	gone chan struct{} // closed by beat
}

func makingPath(stateDir string, target Target, name string) string {
	return filepath.Join(stateDir, "making", string(target)+"-"+filepath.Base(name))
}

// beginMaking notes that a cluster is being made. The error is an *Error if
// another hellox is making it.
func beginMaking(stateDir string, target Target, name string) (*making, error) {
	path := makingPath(stateDir, target, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("note that a cluster is being made: %w", err)
	}
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("note that a cluster is being made: %w", err)
	}
	if !held {
		return nil, beingMade(target, name)
	}
	err = os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339Nano)), 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("note that a cluster is being made: %w", err), lock.Unlock())
	}
	m := &making{lock: lock, stop: make(chan struct{}), gone: make(chan struct{})}
	go m.beat()
	return m, nil
}

func beingMade(target Target, name string) *Error {
	return &Error{
		Kind:     Missing,
		Sentence: fmt.Sprintf("another hellox is making the %s %q just now", target.noun(), name),
		Hint:     "wait until it is done, then type hellox up again",
	}
}

// beat touches the note until end.
func (m *making) beat() {
	defer close(m.gone)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			_ = os.Chtimes(m.lock.Path(), now, now) // without it less is deleted, not more
		case <-m.stop:
			return
		}
	}
}

func (m *making) end() {
	close(m.stop)
	<-m.gone
}

// done forgets the note: the cluster is whole, or gone.
func (m *making) done() error {
	m.end()
	return forgetNote(m.lock)
}

// forgetNote removes a note that is held, and lets go of it.
func forgetNote(lock *flock.Flock) error {
	err := os.Remove(lock.Path())
	if uerr := lock.Unlock(); uerr != nil {
		return uerr
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Remove(lock.Path()) // Windows removes no file that is open
}

// abandon leaves the note for the next hellox.
func (m *making) abandon() error {
	m.end()
	now := time.Now()
	return errors.Join(os.Chtimes(m.lock.Path(), now, now), m.lock.Unlock())
}

// cutOff says whether the making of that cluster began and did not end. born
// tells when the cluster that is there now came to be: if that was not while
// the note was held, somebody else made it since, and the note is forgotten.
// The error is an *Error if another hellox is at it right now.
func cutOff(stateDir string, target Target, name string, born func() (time.Time, error)) (bool, error) {
	path := makingPath(stateDir, target, name)
	info, err := os.Stat(path)
	if err != nil {
		return false, nil //nolint:nilerr // no note, no making
	}
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err != nil {
		return false, err
	}
	if !held {
		return false, beingMade(target, name)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, errors.Join(err, lock.Unlock())
	}
	began, err := time.Parse(time.RFC3339Nano, string(text))
	if err == nil {
		var at time.Time
		at, err = born()
		// The note is touched every second, and clocks of files are coarse.
		const slack = 5 * time.Second
		if err == nil && at.After(began.Add(-slack)) && at.Before(info.ModTime().Add(slack)) {
			return true, lock.Unlock()
		}
	}
	return false, forgetNote(lock)
}
