package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"

	"hellox/bench/rig"
)

// A terminal is a program on a pseudo-terminal whose output is read as it comes.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the program has closed its terminal

	mu      sync.Mutex
	text    []byte // the newest output, without escape sequences
	changed chan struct{}
}

// kept is how much of the output is held: some frames.
const kept = 256 << 10

// timeout is how long anything may take before the measurement fails.
const timeout = time.Minute

func open(ctx context.Context, name string, args ...string) (*terminal, error) {
	t := &terminal{cmd: exec.CommandContext(ctx, name, args...), ended: make(chan struct{}), changed: make(chan struct{})}
	t.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=", "HELLOX_BACKGROUND=dark", "NO_COLOR=1")
	var err error
	if t.master, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 50, Cols: 160}); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go t.read()
	return t, nil
}

// Sequences paint no text. What moves the cursor parts words, what styles does not.
var (
	styles  = regexp.MustCompile("\x1b\\[[0-9;]*m")
	escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[ -/]*[@-~]|\x1b[^\\[]")
)

func (t *terminal) read() {
	defer close(t.ended)
	var begun []byte // a sequence whose end is yet to come
	for buf := make([]byte, 64<<10); ; {
		n, err := t.master.Read(buf)
		text := append(begun, buf[:n]...)
		end := len(text)
		if i := bytes.LastIndexByte(text, '\x1b'); i >= 0 && !escapes.Match(text[i:]) {
			end = i
		}
		begun = bytes.Clone(text[end:])
		t.mu.Lock()
		t.text = append(t.text, escapes.ReplaceAll(styles.ReplaceAll(text[:end], nil), []byte(" "))...)
		t.text = t.text[max(0, len(t.text)-kept):]
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// until waits until ok of the output, and returns when it was so.
func (t *terminal) until(what string, ok func(text []byte) bool) (time.Time, error) {
	deadline := time.After(timeout)
	for {
		t.mu.Lock()
		is, changed := ok(t.text), t.changed
		t.mu.Unlock()
		if is {
			return time.Now(), nil
		}
		select {
		case <-changed:
		case <-t.ended:
			return time.Time{}, fmt.Errorf("wait for %s: %w", what, errEnded)
		case <-deadline:
			return time.Time{}, fmt.Errorf("%s did not come in %s", what, timeout)
		}
	}
}

func (t *terminal) see(text string) (time.Time, error) {
	return t.until(strconv.Quote(text), func(all []byte) bool { return bytes.Contains(all, []byte(text)) })
}

// key presses a key and returns how long its frame takes, which has text.
func (t *terminal) key(key, text string) (time.Duration, error) {
	t.mu.Lock()
	t.text = t.text[:0]
	t.mu.Unlock()
	pressed := time.Now()
	t.press(key)
	at, err := t.see(text)
	return at.Sub(pressed), err
}

func (t *terminal) press(key string) { _, _ = t.master.WriteString(key) }

// number returns the newest number behind a name in the header; -1: there is none.
func (t *terminal) number(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return numberIn(t.text, name)
}

func numberIn(text []byte, name string) int {
	for end := len(text); ; {
		i := bytes.LastIndex(text[:end], []byte(name+" "))
		if i < 0 {
			return -1
		}
		if m := number.FindSubmatch(text[i+len(name)+1:]); m != nil {
			n, _ := strconv.Atoi(strings.ReplaceAll(string(m[1]), " ", ""))
			return n
		}
		end = i
	}
}

// number is one of the header, with what follows it.
var number = regexp.MustCompile(`^([0-9]{1,3}(?: [0-9]{3})*)(?:  | *[\r\n])`)

// count waits until the header has a number.
func (t *terminal) count(name string, n int) (time.Time, error) {
	at, err := t.until(fmt.Sprintf("%s %d", name, n), func(all []byte) bool { return numberIn(all, name) >= n })
	if err != nil {
		return at, fmt.Errorf("%w; it came to %d", err, t.number(name))
	}
	return at, nil
}

// resident returns the resident memory in KiB.
func (t *terminal) resident() int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// wait waits for the program's end.
func (t *terminal) wait() (rig.Usage, error) {
	err := t.cmd.Wait()
	t.master.Close()
	if err != nil {
		return rig.Usage{}, fmt.Errorf("%s: %w", t.cmd.Args[0], err)
	}
	return rig.UsageOf(t.cmd.ProcessState), nil
}

func (t *terminal) close() { _ = t.cmd.Process.Kill() }
