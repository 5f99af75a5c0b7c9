package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Files that a daemon writes its output to.
const (
	daemonOut = "detached.out"
	daemonErr = "detached.err"
)

// SpawnDaemon starts this executable with args as a process that outlives this
// one. It returns once that process is the owner of d and alive, or has ended:
// then the error is an *exec.ExitError, or another one if it ended without one.
// What the process wrote until then is copied to out and errs. A folder that it was
// made for goes with it.
func (d Dir) SpawnDaemon(ctx context.Context, args []string, out, errs io.Writer) error {
	err := d.spawnDaemon(ctx, args, out, errs)
	if named, ok := parseFolder(filepath.Base(string(d))); err != nil && ok && d.Empty() {
		if lock, lockErr := d.AcquireToRemove(named); lockErr == nil {
			err = errors.Join(err, lock.Release())
		}
	}
	return err
}

func (d Dir) spawnDaemon(ctx context.Context, args []string, out, errs io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the background process: find this executable: %w", err)
	}
	outFile, err := d.outputFile(daemonOut)
	if err != nil {
		return err
	}
	defer outFile.Close()
	errFile, err := d.outputFile(daemonErr)
	if err != nil {
		return err
	}
	defer errFile.Close()

	// Not CommandContext: the process outlives this one on purpose.
	cmd := exec.Command(self, args...)   //nolint:noctx // see above
	cmd.Dir = string(filepath.Separator) // it must not keep a folder of the user's busy
	cmd.Stdout, cmd.Stderr = outFile, errFile
	cmd.SysProcAttr = ownSession()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the background process: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("it ended at once; another hellox may have ended it")
			} else if full := cannotSay(errFile); full != nil {
				err = full
			}
			return errors.Join(copyFrom(out, outFile), copyFrom(errs, errFile),
				&hintError{fmt.Errorf("run the background process: %w", err), "hellox status"})
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-ended
			return errors.Join(copyFrom(errs, errFile), context.Cause(ctx))
		case <-tick.C:
			if i, err := d.Read(); err == nil && i.Owner != nil && i.Owner.PID == cmd.Process.Pid && i.Alive(ctx) {
				return errors.Join(copyFrom(out, outFile), copyFrom(errs, errFile))
			}
		}
	}
}

// cannotSay returns why a process that failed wrote nothing to f, such as a full
// disk; nil if it did, or could have.
func cannotSay(f *os.File) error {
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	_, err := f.WriteString(" ")
	return err
}

// outputFile makes the file that a daemon writes to before it is up. A hellox down
// may remove the folder just when it was made: then it is made again.
func (d Dir) outputFile(name string) (*os.File, error) {
	for deadline := time.Now().Add(lockWait); ; {
		if err := os.MkdirAll(string(d), 0o700); err != nil {
			return nil, fmt.Errorf("start the background process: %w", err)
		}
		f, err := os.OpenFile(d.file(name), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
			return nil, fmt.Errorf("start the background process: %w", err)
		}
	}
}

func copyFrom(w io.Writer, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, f)
	return err
}
