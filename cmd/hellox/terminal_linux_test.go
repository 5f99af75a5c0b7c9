package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hellox/bootstrap/run/runtest"
)

// A terminal is a pseudo-terminal that a test sits at. It answers nothing by
// itself.
type terminal struct {
	t             testing.TB
	master, slave *os.File
	mu            sync.Mutex
	written       bytes.Buffer // by the commands, to be shown
	cmd           *exec.Cmd
	done          chan error
}

func newTerminal(t testing.TB) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, master: master, slave: slave}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 4096); ; {
			n, err := master.Read(buf)
			term.mu.Lock()
			term.written.Write(buf[:max(n, 0)])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if term.cmd != nil {
			_ = term.cmd.Process.Kill()
		}
		slave.Close() // the reader ends with the last that has it open
		<-ended
		master.Close()
	})
	return term
}

// start runs hellox with the terminal as its own, and with more environment.
func (term *terminal) start(env []string, args ...string) {
	term.t.Helper()
	home := term.t.TempDir()
	cmd := exec.Command("hellox", args...)
	self, err := exec.LookPath("hellox")
	if err != nil {
		term.t.Fatal(err)
	}
	// No tool of this machine is asked, and no variable is passed on.
	cmd.Env = append([]string{"PATH=" + filepath.Dir(self), "HOME=" + home, "XDG_STATE_HOME=" + home, "TERM=xterm-256color"}, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.slave, term.slave, term.slave
	runtest.Bind(cmd)
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		term.t.Fatal(err)
	}
	term.cmd, term.done = cmd, make(chan error, 1)
	go func(done chan error) { done <- cmd.Wait() }(term.done)
}

// shown returns what was written to the terminal.
func (term *terminal) shown() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.written.String()
}

// see waits until text was written to the terminal.
func (term *terminal) see(text string) {
	term.t.Helper()
	until(term.t, fmt.Sprintf("%q is shown", text), func() bool { return strings.Contains(term.shown(), text) })
}

// press types keys.
func (term *terminal) press(keys string) {
	term.t.Helper()
	if _, err := term.master.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the command's end, at most 2 s after the call, and checks its
// exit code.
func (term *terminal) ends(code int) {
	term.t.Helper()
	select {
	case err := <-term.done:
		got := 0
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			got = exit.ExitCode() // -1: ended by a signal
		}
		if got != code {
			term.t.Errorf("the exit code is %d, want %d; shown:\n%q", got, code, term.shown())
		}
	case <-time.After(2 * time.Second):
		term.t.Fatalf("not ended after 2 s; shown:\n%q", term.shown())
	}
}

// modes returns the terminal's modes: whether it echoes, has lines, makes signals.
func (term *terminal) modes() unix.Termios {
	term.t.Helper()
	modes, err := unix.IoctlGetTermios(int(term.slave.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	return *modes
}

// isQuery reports whether a terminal would answer something of what was written.
func isQuery(written string) bool {
	for _, query := range []string{"\x1b]11;", "\x1b]10;", "\x1b[6n", "\x1b[c"} {
		if strings.Contains(written, query) {
			return true
		}
	}
	return false
}

// TestTerminalIsNotQueried holds that no command but the full screen asks the
// terminal anything, waits for it, or takes what was typed ahead.
func TestTerminalIsNotQueried(t *testing.T) {
	mqtt := startBroker(t)
	tests := map[string][]string{
		"version":     {"version"},
		"help":        {"--help"},
		"status":      {"status"},
		"manifests":   {"manifests"},
		"completion":  {"completion", "bash"},
		"publish":     {"publish", "hi", "--broker", mqtt},
		"plain watch": {"watch", mqtt, "--output", "plain", "--for", "1ms"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			shortest := time.Hour // of several: the machine may be busy
			for try := 0; try < 5 && shortest > 500*time.Millisecond; try++ {
				term := newTerminal(t)
				before := term.modes()
				term.press("typed ahead\n")
				began := time.Now()
				term.start(nil, args...)
				if err := <-term.done; err != nil {
					t.Fatalf("%v; shown:\n%s", err, term.shown())
				}
				shortest = min(shortest, time.Since(began))
				if isQuery(term.shown()) {
					t.Fatalf("asks the terminal: %q", term.shown())
				}
				if after := term.modes(); after != before {
					t.Errorf("the modes are %+v, were %+v", after, before)
				}
				line := make([]byte, 100)
				if n, err := term.slave.Read(line); string(line[:max(n, 0)]) != "typed ahead\n" {
					t.Errorf("%q (%v) is left of what was typed ahead", line[:max(n, 0)], err)
				}
			}
			if shortest > 500*time.Millisecond {
				t.Errorf("takes %s", shortest)
			}
		})
	}
}

// startBroker runs a broker and returns its URL once it listens.
func startBroker(t testing.TB) string {
	t.Helper()
	address := freeAddress(t)
	dir := t.TempDir()
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+address, "--store", filepath.Join(dir, "store"))
	until(t, "the broker listens", func() bool {
		select {
		case <-broker.done:
			t.Fatalf("the broker ended: %v", broker.err)
		default:
		}
		return exec.Command("hellox", "publish", "x", "--topic", "up", "--broker", "mqtt://"+address).Run() == nil
	})
	return "mqtt://" + address
}

// TestScreenBackground holds that the full screen takes the terminal's
// background from HELLOX_BACKGROUND, else asks for it, and that nothing that was
// typed or answered meanwhile is lost or taken for keys.
func TestScreenBackground(t *testing.T) {
	mqtt := startBroker(t)
	const light, dark = "\x1b[38;2;9;105;218m", "\x1b[38;2;88;166;255m" // the accent's colours
	const white, device = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b[?62;22c"
	start := func(t *testing.T, env ...string) *terminal {
		term := newTerminal(t)
		term.start(append(env, "COLORTERM=truecolor"), "watch", mqtt)
		return term
	}
	quit := func(term *terminal) {
		t.Helper()
		term.press("q")
		term.ends(exitDone)
	}
	for setting, color := range map[string]string{"light": light, "dark": dark} {
		t.Run("the setting is "+setting, func(t *testing.T) {
			term := start(t, "HELLOX_BACKGROUND="+setting)
			term.see(color)
			quit(term)
			if isQuery(term.shown()) {
				t.Errorf("asks the terminal: %q", term.shown())
			}
		})
	}
	t.Run("the setting is wrong", func(t *testing.T) {
		term := start(t, "HELLOX_BACKGROUND=blue")
		term.see(`HELLOX_BACKGROUND takes light or dark, not "blue"`)
		term.ends(exitUsage)
	})
	t.Run("the terminal answers", func(t *testing.T) {
		term := start(t)
		term.see("\x1b]11;?")
		term.press(white + device)
		term.see(light)
		quit(term)
	})
	t.Run("keys and an answer", func(t *testing.T) {
		term := start(t)
		term.see("\x1b]11;?")
		term.press("?" + white + device)
		term.see(light)
		term.see("signs") // of the help that ? shows
		quit(term)
	})
	t.Run("a key before an answer", func(t *testing.T) {
		term := start(t)
		term.see("\x1b]11;?")
		quit(term)
	})
	t.Run("a late answer", func(t *testing.T) {
		term := start(t)
		term.see(dark)
		term.press(white + device)
		term.press("?")
		term.see("signs")
		quit(term)
		if strings.Contains(term.shown(), "rgb:") {
			t.Errorf("the answer is taken for keys: %q", term.shown())
		}
	})
}
