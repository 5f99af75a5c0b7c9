package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Create creates c, marks its creation until it has ended, and restores the
// kubeconfig's current context. If c was interrupted before, deleteLeft deletes
// what is left of it first. clean reports that create left nothing undone: the
// cluster is complete, or nothing of it is left. The error is a *step.Error if
// another hellox is creating that cluster.
func Create(r *run.Runner, stateDir string, c Candidate, deleteLeft func() error, create func() (clean bool, err error)) error {
	restore, err := KeepContext(r)
	if err != nil {
		return err
	}
	marker, err := beginCreation(stateDir, c)
	if err != nil {
		return err
	}
	if c.State == Interrupted {
		if err := deleteLeft(); err != nil {
			return errors.Join(fmt.Errorf("delete what was left of %s: %w", c, err), marker.leave())
		}
	}
	clean, err := create()
	end := marker.leave
	if clean {
		end = marker.remove
	}
	return errors.Join(err, restore(), end())
}

// A creationMarker says that a cluster is being created: a file in the state
// folder, locked as long as its process lives, and touched every second. A
// marker without a lock is a creation that was interrupted; what there is of
// that cluster is deleted, not repaired.
type creationMarker struct {
	lock    *flock.Flock
	stop    chan struct{} // closed by end
	stopped chan struct{} // closed by touch
}

func creationMarkerPath(stateDir string, c Candidate) string {
	return filepath.Join(stateDir, "creating", string(c.Target)+"-"+filepath.Base(c.Name))
}

// beginCreation writes the marker of c. The error is a *step.Error if another
// hellox is creating that cluster.
func beginCreation(stateDir string, c Candidate) (*creationMarker, error) {
	path := creationMarkerPath(stateDir, c)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("mark the creation of %s: %w", c, err)
	}
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("mark the creation of %s: %w", c, err)
	}
	if !locked {
		return nil, beingCreated(c)
	}
	err = os.WriteFile(path, []byte(time.Now().UTC().Format(time.RFC3339Nano)), 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mark the creation of %s: %w", c, err), lock.Unlock())
	}
	m := &creationMarker{lock: lock, stop: make(chan struct{}), stopped: make(chan struct{})}
	go m.touch()
	return m, nil
}

func beingCreated(c Candidate) *step.Error {
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("another hellox is creating the %s", c),
		Hint:     "wait until it is done, then type the same command again",
	}
}

// touch sets the marker's time every second until end.
func (m *creationMarker) touch() {
	defer close(m.stopped)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			_ = os.Chtimes(m.lock.Path(), now, now) // if it fails, less is deleted, not more
		case <-m.stop:
			return
		}
	}
}

func (m *creationMarker) end() {
	close(m.stop)
	<-m.stopped
}

// remove removes the marker: the cluster is complete, or gone.
func (m *creationMarker) remove() error {
	m.end()
	return removeMarker(m.lock)
}

// removeMarker removes a marker whose lock is held, and unlocks it.
func removeMarker(lock *flock.Flock) error {
	err := os.Remove(lock.Path())
	if uerr := lock.Unlock(); uerr != nil {
		return uerr
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Remove(lock.Path()) // Windows removes no file that is open
}

// leave leaves the marker for the next hellox: the creation was interrupted.
func (m *creationMarker) leave() error {
	m.end()
	now := time.Now()
	return errors.Join(os.Chtimes(m.lock.Path(), now, now), m.lock.Unlock())
}

// CreationInterrupted reports whether the creation of c began and did not end.
// created returns when the cluster that exists now was created: if that was
// not while the marker was locked, the cluster is another one of that name,
// and the marker is removed. The error is a *step.Error if another hellox is
// creating the cluster right now.
func CreationInterrupted(stateDir string, c Candidate, created func() (time.Time, error)) (bool, error) {
	path := creationMarkerPath(stateDir, c)
	info, err := os.Stat(path)
	if err != nil {
		return false, nil //nolint:nilerr // no marker, no creation
	}
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil {
		return false, err
	}
	if !locked {
		return false, beingCreated(c)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false, errors.Join(err, lock.Unlock())
	}
	began, err := time.Parse(time.RFC3339Nano, string(text))
	if err == nil {
		var at time.Time
		at, err = created()
		if _, silent := errors.AsType[run.NoAnswer](err); silent || errors.Is(err, context.Canceled) {
			return false, errors.Join(err, lock.Unlock()) // it is not known
		}
		// The marker is touched every second, and clocks of files are coarse.
		const slack = 5 * time.Second
		if err == nil && at.After(began.Add(-slack)) && at.Before(info.ModTime().Add(slack)) {
			return true, lock.Unlock()
		}
	}
	return false, removeMarker(lock)
}
