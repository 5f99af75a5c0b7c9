package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
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

// endTime is after how long a command has hung. That it ends by what the test did, and
// not by itself, is seen by its exit code.
const endTime = time.Minute

// ends waits for the command's end and checks its exit code.
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
	case <-time.After(endTime):
		term.t.Fatalf("not ended after %s; shown:\n%q", endTime, term.shown())
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

// Colours and erasures. A terminal answers none of them.
var unanswered = regexp.MustCompile(`\x1b\[[0-9;]*[mK]`)

// isQuery reports whether a terminal would answer something of what was written:
// any sequence but the unanswered ones counts.
func isQuery(written string) bool {
	return strings.Contains(unanswered.ReplaceAllString(written, ""), "\x1b")
}

// TestTerminalIsNotQueried holds that no command but the full screen asks the
// terminal anything, and thus waits for it, or takes what was typed ahead.
func TestTerminalIsNotQueried(t *testing.T) {
	mqtt := startBroker(t)
	// What plain watch shows, and ends with.
	if out, err := exec.Command("hellox", "publish", "kept", "--retain", "--broker", mqtt).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tests := map[string][]string{
		"version":     {"version"},
		"help":        {"--help"},
		"status":      {"status"},
		"manifests":   {"manifests"},
		"completion":  {"completion", "bash"},
		"publish":     {"publish", "hi", "--broker", mqtt},
		"plain watch": {"watch", mqtt, "--output", "plain", "--count", "1"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) { runUnanswered(t, args) })
	}
}

// runUnanswered runs a command in a terminal that never answers, with a line
// typed ahead, and checks what it did to the terminal.
func runUnanswered(t *testing.T, args []string) {
	t.Helper()
	term := newTerminal(t)
	before := term.modes()
	term.press("typed ahead\n")
	term.start(nil, args...)
	term.ends(exitDone)
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

// heedHangups has what the test starts be ended by SIGHUP, also where the tests run
// under nohup: an ignored signal stays so in what is started, one that is caught does not.
func heedHangups(t *testing.T) {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
}

// TestScreenEnds ends the full screen in each way there is, in a terminal that
// never answers. The terminal is then as it was.
func TestScreenEnds(t *testing.T) {
	heedHangups(t)
	mqtt := startBroker(t)
	tests := map[string]struct {
		end  func(*terminal)
		code int
	}{
		"q":       {func(term *terminal) { term.press("q") }, exitDone},
		"Ctrl-C":  {func(term *terminal) { term.press("\x03") }, exitInterrupted},
		"SIGINT":  {func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGINT) }, exitInterrupted},
		"SIGTERM": {func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGTERM) }, exitInterrupted},
		"SIGHUP":  {func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGHUP) }, exitInterrupted},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(t)
			before := term.modes()
			term.start(nil, "watch", mqtt)
			term.see("10 min") // the last but one line
			test.end(term)
			term.ends(test.code)
			if after := term.modes(); after != before {
				t.Errorf("the modes are %+v, were %+v", after, before)
			}
			for _, mode := range []string{"\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l", "\x1b[?1002l"} {
				term.see(mode)
			}
			if shown := term.shown(); strings.Contains(shown, "hellox: ") {
				t.Errorf("an error is shown: %q", shown)
			}
		})
	}
}

// TestScreenBackground holds that the full screen takes the terminal's
// background from HELLOX_BACKGROUND, else asks for it, and that nothing that was
// typed or answered meanwhile is lost or taken for keys.
func TestScreenBackground(t *testing.T) {
	mqtt := startBroker(t)
	const light, dark = "\x1b[38;2;9;105;218m", "\x1b[38;2;88;166;255m" // the accent's colours
	const helpTitle = "\x1b[1m keys"                                    // which ? shows
	const white, device = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", "\x1b[?62;22c"
	start := func(term *terminal, env ...string) {
		term.start(append(env, "COLORTERM=truecolor"), "watch", mqtt)
	}
	quit := func(term *terminal) {
		t.Helper()
		term.press("\x03")
		term.ends(exitInterrupted)
	}
	for setting, color := range map[string]string{"light": light, "dark": dark} {
		t.Run("the setting is "+setting, func(t *testing.T) {
			term := newTerminal(t)
			start(term, "HELLOX_BACKGROUND="+setting)
			term.see(color)
			quit(term)
			if strings.Contains(term.shown(), "\x1b]11;") {
				t.Errorf("asks the terminal: %q", term.shown())
			}
		})
	}
	t.Run("the setting is wrong", func(t *testing.T) {
		term := newTerminal(t)
		start(term, "HELLOX_BACKGROUND=blue")
		term.see(`HELLOX_BACKGROUND takes light or dark, not "blue"`)
		term.ends(exitUsage)
	})
	// The answer waits in the terminal before it is asked for, so that it comes in
	// time on a busy machine too.
	t.Run("the terminal answers", func(t *testing.T) {
		term := newTerminal(t)
		term.press(white + device)
		start(term)
		term.see("\x1b]11;?")
		term.see(light)
		quit(term)
	})
	t.Run("keys and an answer", func(t *testing.T) {
		term := newTerminal(t)
		term.press("?" + white + device)
		start(term)
		term.see(light)
		term.see(helpTitle)
		quit(term)
	})
	t.Run("Ctrl-C before an answer", func(t *testing.T) {
		term := newTerminal(t)
		start(term)
		term.see("\x1b]11;?")
		quit(term)
	})
	t.Run("a late answer", func(t *testing.T) {
		term := newTerminal(t)
		start(term)
		term.see(dark)
		term.press(white + device)
		term.press("?")
		term.see(helpTitle)
		quit(term)
		if strings.Contains(term.shown(), "rgb:") {
			t.Errorf("the answer is taken for keys: %q", term.shown())
		}
	})
}

// TestStdinEnds ends commands that read stdin or ask something. The terminal is
// then as it was.
func TestStdinEnds(t *testing.T) {
	heedHangups(t)
	tests := map[string]struct {
		args   []string
		prompt string
	}{
		"publish -":  {[]string{"publish", "-", "--broker", "mqtt://127.0.0.1:1"}, ""},
		"a password": {[]string{"publish", "hi", "--user", "u", "--broker", "mqtt://127.0.0.1:1"}, "password of u: "},
		"watch":      {[]string{"watch", "mqtt://127.0.0.1:1", "--user", "u"}, "password of u: "},
	}
	ends := map[string]func(*terminal){
		"Ctrl-C":  func(term *terminal) { term.press("\x03") },
		"SIGINT":  func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGINT) },
		"SIGTERM": func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(term *terminal) { _ = term.cmd.Process.Signal(syscall.SIGHUP) },
	}
	for name, test := range tests {
		for end, do := range ends {
			t.Run(name+" by "+end, func(t *testing.T) {
				term := newTerminal(t)
				before := term.modes()
				term.start(nil, test.args...)
				if test.prompt != "" {
					term.see(test.prompt)
				} else {
					until(t, "it reads the terminal", func() bool { return readsTerminal(term) })
				}
				do(term)
				term.ends(exitInterrupted)
				if after := term.modes(); after != before {
					t.Errorf("the modes are %+v, were %+v", after, before)
				}
				if strings.Contains(term.shown(), "hellox: ") {
					t.Errorf("an error is shown: %q", term.shown())
				}
			})
		}
	}
}

// readsTerminal reports whether the command has read the line that is typed: the
// terminal's queue is empty again.
func readsTerminal(term *terminal) bool {
	term.t.Helper()
	if !strings.Contains(term.shown(), "a line") {
		term.press("a line\n")
		term.see("a line")
	}
	left, err := unix.IoctlGetInt(int(term.slave.Fd()), unix.TIOCINQ)
	return err == nil && left == 0
}

// TestPassword holds that a password that is typed is used and not shown.
func TestPassword(t *testing.T) {
	term := newTerminal(t)
	term.start(nil, "publish", "hi", "--user", "u", "--broker", "mqtt://127.0.0.1:1")
	term.see("password of u: ")
	term.press("secre\x7f\x7fret\r")
	term.ends(exitMissing)
	if strings.Contains(term.shown(), "sec") {
		t.Errorf("the password is shown: %q", term.shown())
	}
}

// TestBackground runs an up in the background of a shell, which the kernel stops if it
// reads from the terminal: it goes on, Enter does not end it until it is in front, and
// a down ends it when Ctrl-Z has stopped it.
func TestBackground(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		needed(t, "bash")
	}
	t.Parallel()
	h := newHome(t)
	term := newTerminal(t)
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Env = append(h.env, "PS1=> ", "TERM=dumb")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.slave, term.slave, term.slave
	runtest.Bind(cmd)
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	up := "hellox up --target local --web-port 0 --mqtt-port 0"
	t.Cleanup(func() { h.command(t, "down") })

	term.press(up + " &\n\n")
	until(t, "it is up in the background", func() bool { return h.answers(t, "hellox") })
	term.press("\nfg\n")
	until(t, "it is in the foreground", func() bool { return strings.Count(term.shown(), up) > 1 })
	if !h.answers(t, "hellox") {
		t.Errorf("in the foreground it does not answer: %s", term.shown())
	}
	term.press("\n")
	until(t, "Enter ends it", func() bool { return !h.answers(t, "hellox") })

	term.press(up + "\n")
	until(t, "it is up again", func() bool { return h.answers(t, "hellox") })
	term.press("\x1a")
	term.see("Stopped")
	if _, errs, code := h.command(t, "down"); code != 0 || !strings.Contains(errs, "ended") {
		t.Errorf("down: exit %d: %s", code, errs)
	}
	// The shell tells of a job that has ended at the next line, not by itself.
	until(t, "the shell says that it is done, not killed", func() bool {
		term.press("\n")
		return strings.Contains(term.shown(), "Done")
	})
}

// TestClearRetained holds that a person sees what is retained before it is cleared.
func TestClearRetained(t *testing.T) {
	broker := startBroker(t)
	publish := func(args ...string) *terminal {
		term := newTerminal(t)
		term.start(nil, append([]string{"publish", "--broker", broker, "--topic", "plant/lamp ", "--retain"}, args...)...)
		return term
	}
	publish(`{"on":true}`).ends(exitDone)
	for answer, code := range map[string]int{"n\n": exitFailed, "\n": exitFailed, "\x03": exitInterrupted} {
		term := publish("")
		term.see(`plant/lamp␣ retains 11 bytes: {"on":true}`)
		term.see("clear it? [y/N] ")
		term.press(answer)
		term.ends(code)
	}
	term := publish("")
	term.see("clear it? [y/N] ")
	term.press("y\n")
	term.ends(exitDone)
	term = publish("")
	term.see("plant/lamp␣ retains nothing")
	term.ends(exitDone)
}

// TestScreenActs edits a payload in an editor, which Ctrl-C is then for, publishes it,
// retained, and clears it after it was shown.
func TestScreenActs(t *testing.T) {
	broker := startBroker(t)
	script := filepath.Join(t.TempDir(), "ed")
	// An editor that Ctrl-C does not end.
	if err := os.WriteFile(script, []byte("#!/bin/sh\ntrap 'echo stays' INT\necho editing\nuntil read -r text; do :; done\nprintf '{\n\"text\": \"%s\"}\n' \"$text\" > \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	term := newTerminal(t)
	before := term.modes()
	term.start([]string{"EDITOR=" + script, "PATH=" + os.Getenv("PATH")}, "watch", broker)
	term.see("10 min")
	term.press("p\x05")
	term.see("editing")
	term.press("\x03")
	term.see("stays")
	term.press("edited\n")
	term.see("2 lines, ")
	term.press("\t\t \r") // retained
	term.see("published to hello_world/publish")
	seen := len(term.shown())
	term.press("\x1b") // alone: with what follows it would be another key
	until(t, "the form is left", func() bool { return strings.Contains(term.shown()[seen:], "detail") })
	term.press("\x1b[3~")
	term.see("hello_world/publish retains ")
	term.press("c")
	term.see("cleared hello_world/publish")
	term.press("q")
	term.ends(exitDone)
	if after := term.modes(); after != before {
		t.Errorf("the modes are %+v, were %+v", after, before)
	}
	if n := strings.Count(term.shown(), "\x1b[?1002h"); n != 2 {
		t.Errorf("the mouse was taken %d times: at the start, and again after the editor", n)
	}
}

// TestScreenScales sets the number of broadcasters of a local installation from the
// screen.
func TestScreenScales(t *testing.T) {
	h := newHome(t)
	p := h.up(t, "hellox")
	defer p.signal(syscall.SIGTERM)
	term := newTerminal(t)
	term.start(append(h.env, "TERM=xterm-256color"), "watch")
	term.see("10 min")
	term.press("=3\r")
	term.see("scaled to 3 broadcasters")
	term.press("=99999\r")
	term.see("from 0 to 10000, not")
	term.press("q")
	term.ends(exitDone)
	until(t, "three broadcasters are heard", func() bool {
		s := h.status(t)["hellox"]
		return s.Broadcasters != nil && *s.Broadcasters == 3
	})
}
