package state_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"hellox/bootstrap/run/runtest"
	"hellox/cmd/hellox/state"
)

// holdVariable makes this test binary a process that holds the lock below the
// state root that it names, with a control listener that accepts and never answers.
const holdVariable = "HELLOX_TEST_HOLD"

func TestMain(m *testing.M) {
	if root, ok := os.LookupEnv(holdVariable); ok {
		if err := holdSilently(root); err != nil {
			fmt.Println(err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func holdSilently(root string) error {
	dir := state.DirOf(root, here)
	lock, err := dir.Acquire(state.Instance{Installation: here})
	if err != nil {
		return err
	}
	if err := lock.Publish("http://127.0.0.1:1", "mqtt://127.0.0.1:1", false, nil); err != nil {
		return err
	}
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	i, err := dir.Read()
	if err != nil {
		return err
	}
	i.Owner.Control = silent.Addr().String()
	if err := dir.Write(i); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("holds")
	for {
		if _, err := silent.Accept(); err != nil {
			return err
		}
	}
}

// TestSilentProcess ends a process whose control listener does not answer and that
// takes no SIGTERM: until it is gone, it runs, and nothing can be removed.
func TestSilentProcess(t *testing.T) {
	t.Parallel()
	ctx, root := t.Context(), t.TempDir()
	dir := state.DirOf(root, here)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdVariable+"="+root)
	runtest.Bind(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "holds" {
		t.Fatalf("it says %q, %v", line, err)
	}

	all, err := state.List(root)
	if err != nil || len(all) != 1 {
		t.Fatalf("List: %v, %v", all, err)
	}
	p := all[0].Process(ctx)
	if !p.Running || p.Answers || p.PID != cmd.Process.Pid {
		t.Errorf("a silent process: %+v", p)
	}
	if _, err := dir.AcquireToRemove(here); !errors.Is(err, state.ErrLocked) {
		t.Errorf("AcquireToRemove beside it: %v, want ErrLocked", err)
	}
	if err := all[0].Stop(ctx, p); err != nil {
		t.Fatal(err)
	}
	if p := all[0].Process(ctx); p.Running {
		t.Errorf("after Stop: %+v", p)
	}
	lock, err := dir.AcquireToRemove(here)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(string(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove left %s: %v", dir, err)
	}
}

// TestStaleProcessID finds a process ID in the folder that is not of the process
// that holds the lock: no signal goes there, and Stop refuses with a hint.
func TestStaleProcessID(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := state.DirOf(root, here)
	stranger := exec.Command("sleep", "60")
	runtest.Bind(stranger)
	if err := stranger.Start(); err != nil {
		t.Skip(err)
	}
	defer func() { stranger.Process.Kill(); stranger.Wait() }()
	lock, err := dir.Acquire(state.Instance{Installation: here})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if err := os.WriteFile(string(dir)+"/lock.pid", fmt.Appendf(nil, "%d up\n", stranger.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := state.List(root)
	if err != nil || len(all) != 1 {
		t.Fatalf("List of a lock without a record: %v, %v", all, err)
	}
	err = all[0].Stop(t.Context(), all[0].Process(t.Context()))
	if hinted, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); !ok || hinted.Hint() == "" {
		t.Errorf("Stop: %v, want an error with a hint", err)
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was ended: %v", err)
	}
}
