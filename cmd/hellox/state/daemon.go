package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// SpawnDaemon starts this executable with args as a process that outlives this
// one. It returns once that process is the owner of d and alive, or has ended:
// then the error is an *exec.ExitError, or another one if it ended without one.
// What the process wrote until then is copied to out and errs.
func (d Dir) SpawnDaemon(ctx context.Context, args []string, out, errs io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the background process: find this executable: %w", err)
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("start the background process: %w", err)
	}
	outFile, err := d.outputFile("detached.out")
	if err != nil {
		return err
	}
	defer outFile.Close()
	errFile, err := d.outputFile("detached.err")
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
				err = errors.New("it ended at once")
			}
			return errors.Join(copyFrom(out, outFile), copyFrom(errs, errFile), fmt.Errorf("run the background process: %w", err))
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

// outputFile makes the file that a daemon writes to before it is up.
func (d Dir) outputFile(name string) (*os.File, error) {
	f, err := os.OpenFile(d.file(name), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start the background process: %w", err)
	}
	return f, nil
}

func copyFrom(w io.Writer, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, f)
	return err
}
