package tui

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"hellox/tui/tuitest"
	"hellox/tui/wholeframe"
)

// A judge is a tmux in which frames are painted as Bubble Tea paints them. It counts
// cells by rules of its own: that a frame is whole there is not our own ruler's
// word. It is asked through a client in control mode, in a millisecond a frame.
type judge struct {
	tty     *os.File // of the pane
	in      io.Writer
	out     *bufio.Reader
	painted []string
	w, h    int
	frames  int
}

// newJudge starts a tmux that ends with this process, or returns nil where there is
// none: then frames are judged by our own ruler alone.
func newJudge(t testing.TB) *judge {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "tmux")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tmux", "-S", filepath.Join(dir, "s"), "-f", "/dev/null", "-u", "-C", "new-session", "exec cat")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TERM=xterm-256color", "TMUX=")
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which ends the client, and with it the session and the server
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	j := &judge{in: in, out: bufio.NewReader(out)}
	if _, err := j.answer(); err != nil { // to new-session
		t.Fatal(err)
	}
	for _, command := range []string{"set -g destroy-unattached on", "set -g status off", "refresh-client -f no-output"} {
		j.ask(t, command)
	}
	tty := j.ask(t, "display -p '#{pane_tty}'")
	if raw, err := exec.Command("stty", "-F", tty[0], "raw", "-echo").CombinedOutput(); err != nil {
		t.Fatalf("stty: %v: %s", err, raw)
	}
	if j.tty, err = os.OpenFile(tty[0], os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.tty.Close() })
	if _, err := io.WriteString(wholeframe.Output(j.tty), "\x1b[?1049h"); err != nil {
		t.Fatal(err)
	}
	return j
}

// ask runs a command of tmux and returns what it prints.
func (j *judge) ask(t testing.TB, command string) []string {
	t.Helper()
	_, err := io.WriteString(j.in, command+"\n")
	lines, answerErr := j.answer()
	if err := errors.Join(err, answerErr); err != nil {
		t.Fatalf("tmux %s: %v", command, err)
	}
	return lines
}

// answer reads the answer to a command. What tmux tells besides stands before it.
func (j *judge) answer() (lines []string, err error) {
	end := ""
	for {
		line, err := j.out.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		kind, number, _ := strings.Cut(line, " ")
		switch {
		case end == "" && kind == "%begin":
			end = number
		case end != "" && kind == "%end" && number == end:
			return lines, nil
		case end != "" && kind == "%error" && number == end:
			return nil, errors.New(strings.Join(lines, "; "))
		case end != "":
			lines = append(lines, line)
		}
	}
}

// whole paints a frame and fails unless each of its lines begins where it should.
func (j *judge) whole(t testing.TB, frame string, w, h int) {
	t.Helper()
	if j == nil || w < 2 || h < 2 { // tmux has no smaller pane
		return
	}
	if j.w != w || j.h != h {
		j.ask(t, fmt.Sprintf("refresh-client -C %dx%d", w, h))
		j.w, j.h, j.painted = w, h, nil
		if _, err := io.WriteString(j.tty, ansi.EraseEntireScreen); err != nil { // as the model does
			t.Fatal(err)
		}
	}
	lines := strings.Split(frame, "\n")
	j.frames++
	mark := fmt.Sprintf("frame %d", j.frames)
	if _, err := j.tty.Write(append(j.paint(lines), "\x1b]2;"+mark+"\x07"...)); err != nil {
		t.Fatal(err)
	}
	for tries := 0; j.ask(t, "display -p '#{pane_title}'")[0] != mark; tries++ {
		if tries == 10_000 {
			t.Fatal("tmux does not come to the end of the frame")
		}
	}
	if wraps := j.ask(t, "display -p '#{wrap_flag}#{alternate_on}#{insert_flag}#{origin_flag}'")[0]; wraps != "0100" {
		t.Errorf("the modes of the terminal are %s", wraps)
	}
	rows := j.ask(t, "capture-pane -p")
	for i, line := range lines {
		line, row := strings.TrimRight(tuitest.Bare(line), " "), strings.TrimRight(rows[i], " ")
		if at := strings.IndexFunc(line, disputable); at < 0 && row != line || at >= 0 && !strings.HasPrefix(row, butLast(line[:at])) {
			t.Errorf("line %d of %dx%d is in tmux\n%q, and should be\n%q", i, w, h, row, line)
		}
	}
}

// paint returns what Bubble Tea's renderer writes for a frame after the one before.
func (j *judge) paint(lines []string) []byte {
	var b bytes.Buffer
	b.WriteString(ansi.CursorHomePosition)
	for i, line := range lines {
		same := i < len(j.painted) && j.painted[i] == line
		if !same {
			if line = ansi.Truncate(line, j.w, ""); ansi.StringWidth(line) < j.w {
				line += ansi.EraseLineRight
			}
			b.WriteString(line)
		}
		switch {
		case i == len(lines)-1:
		case same:
			b.WriteByte('\n')
		default:
			b.WriteString("\r\n")
		}
	}
	b.WriteString(ansi.CursorPosition(0, len(lines)))
	j.painted = lines
	return b.Bytes()
}

// disputable reports whether a terminal may take r, or what stands before it, for
// wider or narrower than we do: all but the signs of our own frame and the scripts of
// which each character has two cells.
func disputable(r rune) bool {
	return r > '~' && !strings.ContainsRune("│─…·█▁▂▃▄▅▆▇●◐○‖◌×⨯⋯↶▣›▌┃Δ▸▾✓✗←→↑↓°␛␣", r) && !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// butLast returns s without its last character, which may be part of one that is
// disputed.
func butLast(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[:len(s)-n]
}

// A judge that lets anything pass is none.
func TestTheJudgeFindsBrokenFrames(t *testing.T) {
	j := newJudge(t)
	if j == nil {
		t.Skip("tmux is not on the PATH")
	}
	const w, h = 20, 4
	j.whole(t, "head\na 日本 row\nنص 👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽\nfoot", w, h)
	for name, frame := range map[string]string{
		"wrapping is on": "\x1b[?7hhead\n\x1b[K👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽👋🏽\nrow\nfoot",
		"it scrolls":     "head\nrow\nrow\nfoot\x1bD",
		"it erases":      "head\nrow\nrow\x1b[2J\nfoot",
		"it moves":       "head\nrow\x1b[H\nrow\nfoot",
		"the end":        "head\nrow\nrow\nfoot\x1b[?1049l",
	} {
		r := &recorder{TB: t}
		j.whole(r, frame, w, h)
		if !r.failed {
			t.Errorf("%s: the frame counts as whole", name)
		}
		_, _ = io.WriteString(wholeframe.Output(j.tty), "\x1b[?1049h\x1b[2J")
		j.painted = nil
	}
}

// A recorder takes note of a test's failure in its place.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
