package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// An Editor is the user's own, in which a payload is edited on the same terminal.
type Editor struct {
	Command string   // as the shell takes it: "vim", "code --wait"
	In, Out *os.File // the terminal
	// Hold is called before the editor gets the terminal: until released Ctrl-C is
	// its own. nil: there is nothing to hold.
	Hold func() (release func())
}

// An EditedMsg is the text as it was left in the editor, or why there is none.
type EditedMsg struct {
	Text string
	Err  error
}

// editorEnds is how long an editor that is asked to end may take.
const editorEnds = time.Second

// An editing is one run of the editor. It implements tea.ExecCommand.
type editing struct {
	ctx    context.Context //nolint:containedctx // see Source
	editor *Editor
	text   string
}

// SetStdin does nothing: the editor gets the terminal itself, not what Bubble Tea
// reads.
func (*editing) SetStdin(io.Reader) {}

// SetStdout does nothing: the editor gets the terminal itself.
func (*editing) SetStdout(io.Writer) {}

// SetStderr does nothing: the editor gets the terminal itself.
func (*editing) SetStderr(io.Writer) {}

// Run edits the text in a file. A file that was written before the editor failed is
// left, and named.
func (e *editing) Run() error {
	dir, err := os.MkdirTemp("", "hellox-edit")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "payload"+ending(e.text))
	if err := os.WriteFile(path, []byte(e.text), 0o600); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	failed := e.run(path)
	text, err := os.ReadFile(path)
	if failed != nil && err == nil && !bytes.Equal(text, []byte(e.text)) {
		return fmt.Errorf("%w; what was written is in %s", failed, path)
	}
	if removed := os.RemoveAll(dir); failed == nil && err == nil {
		err = removed
	}
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	e.text = sameEnd(e.text, string(text))
	return nil
}

// run runs the editor until it ends, or the context does.
func (e *editing) run(path string) error {
	script := e.editor.Command + ` "$1"`
	if first, _, _ := strings.Cut(script, " "); !strings.Contains(first, "=") { // else it sets a variable
		script = "exec " + script // so that the editor is what is asked to end, not its shell
	}
	name, args := "sh", []string{"-c", script, "sh", path}
	if runtime.GOOS == "windows" {
		words := append(strings.Fields(e.editor.Command), path)
		name, args = words[0], words[1:]
	}
	cmd := exec.CommandContext(e.ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.editor.In, e.editor.Out, e.editor.Out
	cmd.WaitDelay = editorEnds
	cmd.Cancel = func() error { return end(cmd.Process) }
	if e.editor.Hold != nil {
		defer e.editor.Hold()()
	}
	return cmd.Run()
}

// end asks the editor to end, so that it leaves the terminal as it was.
func end(p *os.Process) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	return p.Signal(syscall.SIGTERM)
}

// ending returns the ending of the file's name, by which editors know the language.
func ending(text string) string {
	if t := strings.TrimSpace(text); t != "" && (t[0] == '{' || t[0] == '[') {
		return ".json"
	}
	return ".txt"
}

// sameEnd returns the edited text with an end of line at its end only if it had one
// before: most editors add it.
func sameEnd(before, edited string) string {
	if strings.HasSuffix(before, "\n") {
		return edited
	}
	return strings.TrimSuffix(strings.TrimSuffix(edited, "\n"), "\r")
}
