package bootstrap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// A making is a cluster that is being made: a file in the state folder,
// locked as long as its maker lives. A file that nobody holds is a cluster
// whose making was cut off; what there is of it is deleted, not mended.
type making struct {
	lock *flock.Flock
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
	m := &making{lock: flock.New(path)}
	held, err := m.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("note that a cluster is being made: %w", err)
	}
	if !held {
		return nil, beingMade(target, name)
	}
	return m, nil
}

func beingMade(target Target, name string) *Error {
	return &Error{
		Kind:     Missing,
		Sentence: fmt.Sprintf("another hellox is making the %s %q just now", target.noun(), name),
		Hint:     "wait until it is done, then type hellox up again",
	}
}

// done forgets the note: the cluster is whole, or gone.
func (m *making) done() error {
	if err := os.Remove(m.lock.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.lock.Unlock()
}

// abandon leaves the note for the next hellox.
func (m *making) abandon() error { return m.lock.Unlock() }

// cutOff says whether the making of that cluster began and did not end. The
// error is an *Error if another hellox is at it right now.
func cutOff(stateDir string, target Target, name string) (bool, error) {
	path := makingPath(stateDir, target, name)
	if _, err := os.Stat(path); err != nil {
		return false, nil
	}
	lock := flock.New(path)
	held, err := lock.TryLock()
	if err != nil {
		return false, err
	}
	if !held {
		return false, beingMade(target, name)
	}
	return true, lock.Unlock()
}
