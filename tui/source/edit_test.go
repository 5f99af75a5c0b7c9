//go:build unix

package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// editor returns an Editor that runs a script of the shell; $1 is the file.
func editor(t *testing.T, script string) *Editor {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ed")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	t.Setenv("TMPDIR", t.TempDir())
	return &Editor{Command: "sh " + path + " --wait", In: null, Out: null}
}

// left returns the files that editing has left.
func left(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(os.TempDir(), "hellox-edit*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEdit(t *testing.T) {
	for before, want := range map[string]string{
		"Hello":             "Hello, all",         // the end of line is the editor's
		"Hello\n":           "Hello\n, all\n",     // it is the user's
		"{\"a\":\xff1}":     "{\"a\":\xff1}, all", // byte for byte
		"two\nlines\r\n \t": "two\nlines\r\n \t, all",
	} {
		// --wait is $1, the file is $2; where the text has an end of line, it stays in the middle.
		e := &editing{ctx: t.Context(), editor: editor(t, `[ -t 0 ]; printf ', all\n' >> "$2"`), text: before}
		if err := e.Run(); err != nil || e.text != want {
			t.Errorf("%q became %q, want %q; %v", before, e.text, want, err)
		}
		if files := left(t); len(files) > 0 {
			t.Errorf("%v are left", files)
		}
	}
}

// What fails is an error with the reason; what was written is not lost, and the text
// stays.
func TestEditFails(t *testing.T) {
	for script, want := range map[string]struct {
		says string
		left int
	}{
		"exit 3":                      {"exit status 3", 0},
		`echo written > "$2"; exit 1`: {"what was written is in ", 1},
		`rm "$2"`:                     {"no such file", 0},
	} {
		e := &editing{ctx: t.Context(), editor: editor(t, script), text: "Hello"}
		if err := e.Run(); err == nil || !strings.Contains(err.Error(), want.says) || e.text != "Hello" {
			t.Errorf("%s: %v, %q", script, err, e.text)
		}
		if files := left(t); len(files) != want.left {
			t.Errorf("%s: %v are left", script, files)
		}
	}
}

// An editor ends with the program, after it was asked to.
func TestEditEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := &editing{ctx: ctx, editor: editor(t, `trap 'exit 9' TERM; echo begun > "$2"; while :; do sleep 0.05; done`), text: "Hello"}
	held := make(chan string, 2)
	e.editor.Hold = func() func() { held <- "held"; return func() { held <- "released" } }
	ended := make(chan error, 1)
	go func() { ended <- e.Run() }()
	for len(left(t)) == 0 || !begun(left(t)[0]) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "exit status 9") {
		t.Error(err)
	}
	if a, b := <-held, <-held; a != "held" || b != "released" {
		t.Errorf("%s, %s", a, b)
	}
}

func begun(path string) bool {
	text, _ := os.ReadFile(path)
	return strings.Contains(string(text), "begun")
}
