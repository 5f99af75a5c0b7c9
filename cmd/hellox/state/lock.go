package state

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked is the error of a directory whose lock another process holds.
var ErrLocked = errors.New("another hellox holds it")

// Lock is the lock of a directory that this process holds: it alone runs or
// forwards that installation. The kernel releases the lock with the process, so
// nothing that a crash leaves behind has to be cleaned up.
type Lock struct {
	dir      Dir
	mu       sync.Mutex // of instance and scale, once the control listener answers
	instance Instance
	scale    func(n int) error
	ended    bool // nothing is recorded any more
	lock     *flock.Flock
	control  *http.Server // nil if it is held for a removal
	served   chan struct{}
	stop     chan struct{} // closed by the control listener's first POST /stop
}

// lockWait is how long Acquire waits for a lock: a process that asks whether it is held
// shares it for a moment, and a process that ends holds it to its end.
const lockWait = time.Second

// Acquire takes the lock of d, or returns ErrLocked. What an earlier owner
// recorded and i does not say is kept.
func (d Dir) Acquire(i Instance) (*Lock, error) {
	l, err := d.acquire(i, purposeRun)
	if err != nil {
		return nil, err
	}
	if err := l.serve(); err != nil {
		close(l.served)
		return nil, errors.Join(err, l.unlock())
	}
	return l, nil
}

// AcquireToRemove takes the lock of d for a removal, or returns ErrLocked. Other
// processes wait for one that removes, and do not end it.
func (d Dir) AcquireToRemove(i Installation) (*Lock, error) {
	l, err := d.acquire(Instance{Installation: i}, purposeRemove)
	if err != nil {
		return nil, err
	}
	close(l.served) // it has no control listener
	return l, nil
}

func (d Dir) acquire(i Instance, purpose string) (*Lock, error) {
	lock, err := d.flock()
	if errors.Is(err, ErrLocked) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("lock the folder of %s: %w", i.Installation, err)
	}
	if err := d.writePID(purpose); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the folder of %s: %w", i.Installation, err), lock.Unlock())
	}
	if recorded, err := d.Read(); err == nil && i.Broadcasters == nil {
		i.Broadcasters = recorded.Broadcasters
	}
	return &Lock{dir: d, instance: i, lock: lock, served: make(chan struct{}), stop: make(chan struct{})}, nil
}

// flock locks the file that has the lock's name now. A hellox down removes that file
// with the folder: then what was opened just before is locked, but is no longer it.
func (d Dir) flock() (*flock.Flock, error) {
	for deadline := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return nil, noFolder(string(d), err)
		}
		lock := flock.New(d.lockFile(), flock.SetPermissions(0o600))
		ok, err := lock.TryLock()
		if ok && d.isLockFile(lock) {
			return lock, nil
		}
		if ok {
			err = lock.Unlock()
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the folder was removed in between
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, ErrLocked
		}
	}
}

// isLockFile reports whether lock locks the file that has the lock's name.
func (d Dir) isLockFile(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(d.lockFile())
	return err == nil && os.SameFile(locked, named)
}

// Dir returns the directory that l locks.
func (l *Lock) Dir() Dir { return l.dir }

// Installation returns the installation that this process owns.
func (l *Lock) Installation() Installation { return l.instance.Installation }

// Broadcasters returns how many were asked for, or nil.
func (l *Lock) Broadcasters() *int { return l.instance.Broadcasters }

// SetBroadcasters sets how many are asked for, for the next record that is written.
func (l *Lock) SetBroadcasters(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instance.Broadcasters = &n
}

// Stopped is closed when another process asked this one to stop.
func (l *Lock) Stopped() <-chan struct{} { return l.stop }

// Record writes the record without an owner. Before anything is created: whatever
// ends this process then, a down finds what it made.
func (l *Lock) Record() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.instance
	i.Owner = nil
	return l.dir.Write(i)
}

// Publish records this process as the owner, once its addresses are known.
// scale changes the number of broadcasters; nil where the cluster does that.
func (l *Lock) Publish(web, mqtt string, detached bool, scale func(n int) error) error {
	return l.update(func(i *Instance) {
		l.scale = scale
		i.Owner.PID = os.Getpid()
		i.Owner.Started = time.Now().UTC()
		i.Owner.Web, i.Owner.MQTT = web, mqtt
		i.Owner.Detached = detached
	})
}

// update changes the record.
func (l *Lock) update(change func(*Instance)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended { // soon the lock is released, and the folder another's, or none
		return fmt.Errorf("write the record of %s: this process is ending", l.instance.Installation)
	}
	change(&l.instance)
	return l.dir.Write(l.instance)
}

// scaleTo changes the number of broadcasters, and records it for the next up.
func (l *Lock) scaleTo(n int) error {
	l.mu.Lock()
	scale := l.scale
	l.mu.Unlock()
	if scale == nil {
		return errors.New("this process only holds the forwards")
	}
	if err := scale(n); err != nil {
		return err
	}
	return l.update(func(i *Instance) { i.Broadcasters = &n })
}

// Release ends the control listener, removes the owner from the record (which
// does not exist if nothing was recorded) and releases the lock. The lock's file
// stays, unless there is nothing else: then the folder goes.
func (l *Lock) Release() error {
	l.endControl()
	_, none := l.dir.Read()
	switch {
	case !errors.Is(none, fs.ErrNotExist):
		return errors.Join(l.Record(), l.unlock())
	case l.dir.Empty():
		return l.removeAll()
	}
	return l.unlock()
}

// Remove removes the folder with all that is in it, and releases the lock. The
// record goes last: a removal that was cut off is found, and done, by the next.
func (l *Lock) Remove() error {
	l.endControl()
	return l.removeAll()
}

func (l *Lock) removeAll() error {
	entries, err := os.ReadDir(string(l.dir))
	if err != nil {
		return errors.Join(err, l.unlock())
	}
	last := []string{l.dir.instanceFile(), l.dir.pidFile(), l.dir.lockFile()}
	for _, e := range entries {
		if path := l.dir.file(e.Name()); !slices.Contains(last, path) {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	if err == nil {
		err = os.RemoveAll(l.dir.instanceFile())
	}
	if err != nil {
		return errors.Join(err, l.unlock())
	}
	return l.removeLock()
}

// removeLock removes the lock's files and the folder, and releases the lock. What
// another hellox put there meanwhile is its own, and stays. Windows removes no file
// that is open: there the lock is released first.
func (l *Lock) removeLock() error {
	if runtime.GOOS == "windows" {
		err := l.unlock()
		_ = os.Remove(l.dir.lockFile())
		_ = os.Remove(string(l.dir))
		return err
	}
	err := errors.Join(os.Remove(l.dir.pidFile()), os.Remove(l.dir.lockFile()))
	if dirErr := os.Remove(string(l.dir)); !errors.Is(dirErr, fs.ErrExist) && !errors.Is(dirErr, fs.ErrNotExist) {
		err = errors.Join(err, dirErr)
	}
	return errors.Join(err, l.lock.Unlock())
}

func (l *Lock) endControl() {
	if l.control != nil {
		l.control.Close()
	}
	<-l.served
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// unlock releases the lock. Without it lock.pid says nothing.
func (l *Lock) unlock() error {
	_ = os.Remove(l.dir.pidFile())
	return l.lock.Unlock()
}
