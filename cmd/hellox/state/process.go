package state

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// How long Stop waits for a process that it asked to end, and for one that it
// sent a signal.
const (
	askedWait    = 10 * time.Second
	signaledWait = 10 * time.Second // every command ends within 2 s of SIGTERM, on a machine that is not busy
)

// Process is the process that holds an installation's lock.
type Process struct {
	PID      int  // 0 if it is not known
	Running  bool // it holds the lock; the kernel releases it with the process
	Answers  bool // its control listener answers
	Removing bool // it is a hellox down
	Starting bool // it has recorded no addresses: it is not up yet, or no longer
}

// EndCommand returns what a person types to end p, and nothing else of the installation.
// One that does not answer may be stopped, and gets no other signal then.
func (p Process) EndCommand() string {
	if p.Answers {
		return fmt.Sprintf("%s %d", stopCommand, p.PID)
	}
	return fmt.Sprintf("%s %d", killCommand, p.PID)
}

// Process returns the process that owns i. The lock alone decides whether one
// runs: a process that is stopped or busy answers nothing and runs all the same.
func (i Instance) Process(ctx context.Context) Process {
	if i.Alive(ctx) {
		return Process{PID: i.Owner.PID, Running: true, Answers: true}
	}
	if i.dir == "" || !i.dir.locked() {
		return Process{}
	}
	pid, purpose := i.dir.readPID()
	if pid == 0 && i.Owner != nil {
		pid = i.Owner.PID
	}
	return Process{PID: pid, Running: true, Removing: purpose == purposeRemove, Starting: i.Owner == nil}
}

// Process returns the process that owns what is in d, whatever its record says.
func (d Dir) Process(ctx context.Context) Process {
	i, err := d.Read()
	if err != nil {
		i = Instance{}
	}
	i.dir = d
	return i.Process(ctx)
}

// locked reports whether a process holds the lock of d. It creates nothing.
func (d Dir) locked() bool {
	lock := flock.New(d.lockFile(), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if free {
		_ = lock.Unlock()
	}
	return !free && err == nil
}

// What a process holds a lock for.
const (
	purposeRun    = "up"
	purposeRemove = "down"
)

// writePID records which process holds the lock of d. The lock's own file cannot
// be written to while it is locked on Windows.
func (d Dir) writePID(purpose string) error {
	return os.WriteFile(d.pidFile(), fmt.Appendf(nil, "%d %s\n", os.Getpid(), purpose), 0o600)
}

// readPID returns what the last holder of the lock recorded, or 0.
func (d Dir) readPID() (pid int, purpose string) {
	b, err := os.ReadFile(d.pidFile())
	if err != nil {
		return 0, ""
	}
	number, purpose, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	if pid, err = strconv.Atoi(number); err != nil || pid <= 0 {
		return 0, ""
	}
	return pid, purpose
}

// Stop ends the process p that holds the lock of i, and returns once p does not hold
// it any more. It asks first; a process that does not answer gets SIGTERM (and
// SIGCONT: it may be stopped), and SIGKILL if that is not enough. A hellox down is
// left alone, as it must not end half done.
func (i Instance) Stop(ctx context.Context, p Process) error {
	if p.Answers && i.ask(ctx) == nil && i.dir.waitReleased(ctx, p, askedWait) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p, err := i.dir.signalHolder(ctx, p, terminate)
	if err != nil {
		return i.cannotStop(p, err)
	}
	if !p.Running || p.Removing || i.dir.waitReleased(ctx, p, signaledWait) {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// This process only: one that took the lock since was asked nothing yet.
	if err := i.dir.signal(p.PID, (*os.Process).Kill); !i.dir.waitReleased(ctx, p, signaledWait) {
		return i.cannotStop(p, errors.Join(errors.New("it does not end"), err))
	}
	return nil
}

// ask asks the owner of i to stop.
func (i Instance) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return i.request(ctx, "POST", "/stop", nil)
}

func (i Instance) cannotStop(p Process, err error) error {
	who := fmt.Sprintf("process %d", p.PID)
	hint := fmt.Sprintf("%s %d && hellox down %s", killCommand, p.PID, i.Flags())
	if p.PID == 0 {
		who, hint = "a process", "end every hellox of yours, then hellox down "+i.Flags()
	}
	return &hintError{fmt.Errorf("end %s, which holds %s: %w", who, i.Installation, err), hint}
}

// waitReleased waits until p does not hold the lock of d, and reports whether that
// is so. Another process may have taken the lock since.
func (d Dir) waitReleased(ctx context.Context, p Process, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if pid, _ := d.readPID(); !d.locked() || pid != 0 && pid != p.PID {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

// signalHolder sends a signal to the process p that holds the lock of d, and returns
// which process that was: one that just took the lock, or is about to release it, may
// not be on record for a moment. It is not Running if none holds the lock any more.
func (d Dir) signalHolder(ctx context.Context, p Process, send func(*os.Process) error) (Process, error) {
	for deadline := time.Now().Add(lockWait); !p.Removing; {
		err := d.signal(p.PID, send)
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return p, err
		}
		d.waitReleased(ctx, p, 50*time.Millisecond)
		if !d.locked() {
			return Process{}, nil
		}
		if pid, purpose := d.readPID(); pid != 0 {
			p.PID, p.Removing = pid, purpose == purposeRemove
		}
	}
	return p, nil
}

// signal sends a signal to process pid, if it has the lock's file open. The process
// is found first: on Linux its handle stays with that process, so no other one that
// was given the same ID is hit.
func (d Dir) signal(pid int, send func(*os.Process) error) error {
	if pid == 0 || pid == os.Getpid() {
		return errors.New("its process ID is not known")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = p.Release() }()
	if !d.openIn(pid) {
		return errors.New("another process than the recorded one holds the lock, or it belongs to another user")
	}
	return send(p)
}

// openIn reports whether process pid has the lock's file open. Only Linux can tell;
// elsewhere it is taken as true.
func (d Dir) openIn(pid int) bool {
	if runtime.GOOS != "linux" {
		return true
	}
	lock, err := os.Stat(d.lockFile())
	if err != nil {
		return false
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if open, err := os.Stat(filepath.Join(dir, f.Name())); err == nil && os.SameFile(open, lock) {
			return true
		}
	}
	return false
}

// terminate sends SIGTERM, and lets a stopped process go on so that it gets it.
// Windows has no SIGTERM: there the process is killed.
func terminate(p *os.Process) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	return errors.Join(p.Signal(syscall.SIGTERM), resume(p))
}
