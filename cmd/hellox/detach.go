package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hellox/bootstrap"
)

// leaveBehind starts a process that does what this one would do in front, and
// returns once that has said where the stream is.
func (o *upOptions) leaveBehind(ctx context.Context, sh shell, here installation, p place) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the background process: find this executable: %w", err)
	}
	if err := os.MkdirAll(string(p), 0o700); err != nil {
		return fmt.Errorf("start the background process: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(string(p), "detached.out"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("start the background process: %w", err)
	}
	defer out.Close()
	errs, err := os.OpenFile(filepath.Join(string(p), "detached.err"), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("start the background process: %w", err)
	}
	defer errs.Close()

	// Not CommandContext: the process outlives this one on purpose.
	cmd := exec.Command(self, o.again(here)...) //nolint:noctx // see above
	cmd.Dir = string(filepath.Separator)        // it must not keep a folder of the user's busy
	cmd.Stdout, cmd.Stderr = out, errs
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
			return errors.Join(copyFrom(sh.out, out), copyFrom(sh.err, errs), childEnd(err))
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-ended
			return errors.Join(copyFrom(sh.err, errs), context.Cause(ctx))
		case <-tick.C:
			if r, err := p.read(); err == nil && r.Holder != nil && r.Holder.PID == cmd.Process.Pid && r.lives(ctx) {
				return errors.Join(copyFrom(sh.out, out), copyFrom(sh.err, errs))
			}
		}
	}
}

// again is the command line of the process left behind.
func (o *upOptions) again(here installation) []string {
	args := append([]string{"up", "--detached"}, strings.Fields(here.flags())...)
	for _, p := range []bootstrap.Port{o.web, o.mqtt} {
		if p.Asked {
			args = append(args, p.Flag, strconv.Itoa(p.Number))
		}
	}
	if o.broadcastersSet {
		args = append(args, "--broadcasters", strconv.Itoa(o.broadcasters))
	}
	return append(args, "--output", o.output, "--timeout", o.timeout.String())
}

// childEnd passes on the exit code of a process that has said why it ended.
func childEnd(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() > 0 {
		return errReported(exit.ExitCode())
	}
	if err == nil {
		err = errors.New("it ended at once")
	}
	return fmt.Errorf("run the background process: %w", err)
}

func copyFrom(w io.Writer, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, f)
	return err
}
