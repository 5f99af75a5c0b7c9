package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"hellox/tui/theme"
	"hellox/tui/tuitest"
)

var update = flag.Bool("update", false, "write the frames to testdata instead of comparing them")

// cursorMarks shows what is reversed: the cursor and the selection.
var cursorMarks = strings.NewReplacer(theme.Reverse.On, "⟦", theme.Reverse.Off, "⟧")

var trailing = regexp.MustCompile(`(?m) +$`)

// A scene is a screen as a user gets to it.
type scene struct {
	name string
	get  func(*screen)
}

var scenes = []scene{
	{"stream", func(*screen) {}},
	{"paused", func(s *screen) { s.press("k", "k", "k") }},
	{"detail", func(s *screen) { s.press("k", "enter") }},
	{"hex", func(s *screen) { s.press("k", "enter", "x", "x") }},
	{"topics", func(s *screen) { s.press("2") }},
	{"senders", func(s *screen) { s.press("3", "j"); s.poll() }},
	{"help", func(s *screen) { s.press("?") }},
	{"filter", func(s *screen) { s.press("/", "press delta>>8s") }},
	{"publish", func(s *screen) { s.press("p", "Hello 日本") }},
	{"tell", func(s *screen) { s.press("t", "say Hello") }},
}

// TestFrames holds every scene in every size against its picture in testdata.
// Run it with -update after a change and read the difference.
func TestFrames(t *testing.T) {
	hold(t, plant, scenes)
}

// hold holds scenes of a store.
func hold(t *testing.T, store func() *tuitest.Store, scenes []scene) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}, {160, 50}, {55, 50}, {40, 12}} {
		for _, scene := range scenes {
			name := fmt.Sprintf("%s-%dx%d", scene.name, size.w, size.h)
			t.Run(name, func(t *testing.T) {
				plainly := open(t, store(), termenv.Ascii, size.w, size.h, acting)
				scene.get(plainly)
				frame := plainly.m.View()
				fits(t, frame, size.w, size.h)
				golden(t, name, tuitest.Bare(cursorMarks.Replace(frame))+"\n") // not bold

				coloured := open(t, store(), termenv.TrueColor, size.w, size.h, acting)
				scene.get(coloured)
				if diff := cmp.Diff(tuitest.Bare(frame), tuitest.Bare(coloured.m.View())); diff != "" {
					t.Errorf("with colours it says something else (-without +with):\n%s", diff)
				}
			})
		}
	}
}

// TestColours holds the sequences of one frame, on a dark and a light terminal.
func TestColours(t *testing.T) {
	for _, background := range []string{"dark", "light"} {
		s := openOn(t, plant(), termenv.TrueColor, background == "dark", 80, 24)
		s.press("k")
		golden(t, "colours-"+background, strings.ReplaceAll(s.m.View(), "\x1b", "␛")+"\n")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	got = trailing.ReplaceAllString(got, "")
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("frame (-%s +got):\n%s", path, diff)
	}
}

// fits fails unless the frame has exactly h lines, none wider than w cells, and
// no control but the colours'.
func fits(t *testing.T, frame string, w, h int) {
	t.Helper()
	lines := strings.Split(tuitest.Bare(frame), "\n")
	if len(lines) != h {
		t.Errorf("the frame has %d lines, want %d", len(lines), h)
	}
	for i, l := range lines {
		if n := ansi.StringWidth(l); n > w {
			t.Errorf("line %d is %d cells wide, at most %d are there: %q", i, n, w, l)
		}
		if at := strings.IndexFunc(l, tuitest.Unsafe); at >= 0 {
			t.Errorf("line %d has %q: %q", i, l[at:at+1], l)
		}
	}
}
