package state

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
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
	lock     *flock.Flock
	control  *http.Server
	served   chan struct{}
	stop     chan struct{} // closed by the control listener's first POST /stop
}

// Acquire takes the lock of d, or returns ErrLocked.
func (d Dir) Acquire(i Instance) (*Lock, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, fmt.Errorf("hold %s: %w", i.Installation, err)
	}
	lock := flock.New(d.lockFile(), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", d.lockFile(), err)
	}
	if !ok {
		return nil, ErrLocked
	}
	l := &Lock{dir: d, instance: i, lock: lock, served: make(chan struct{}), stop: make(chan struct{})}
	if err := l.serve(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return l, nil
}

// Dir returns the directory that l locks.
func (l *Lock) Dir() Dir { return l.dir }

// Installation returns the installation that this process owns.
func (l *Lock) Installation() Installation { return l.instance.Installation }

// Stopped is closed when another process asked this one to stop.
func (l *Lock) Stopped() <-chan struct{} { return l.stop }

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
// does not exist if Publish was never called) and releases the lock. The lock's
// file stays: removing it would let two processes hold two files of one name.
func (l *Lock) Release() error {
	l.control.Close()
	<-l.served
	var err error
	if _, none := l.dir.Read(); !errors.Is(none, fs.ErrNotExist) {
		err = l.update(func(i *Instance) { i.Owner = nil })
	}
	return errors.Join(err, l.lock.Unlock())
}
