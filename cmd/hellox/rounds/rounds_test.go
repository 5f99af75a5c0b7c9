package rounds

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/bootstrap"
	"hellox/bootstrap/build"
	"hellox/bootstrap/image"
	"hellox/bootstrap/run"
	"hellox/stream"
)

// Which message is the first of a new pod.
func TestFinds(t *testing.T) {
	change := time.Now()
	boot := func(started time.Time) string {
		id, err := ulid.New(ulid.Timestamp(started), nil)
		if err != nil {
			t.Fatal(err)
		}
		return id.String()
	}
	set := func(names ...string) pods {
		p := pods{names: map[string]bool{}}
		for _, n := range names {
			p.names[n] = true
		}
		return p
	}
	s := search{since: change, before: set("stays-0", "old-1"), now: set("stays-0", "new-2"), replaced: change.Add(5 * time.Second)}
	for name, c := range map[string]struct {
		m    stream.Message
		want bool
	}{
		"a broadcaster of before":           {stream.Message{Sender: "broadcast-0", Boot: boot(change.Add(-time.Minute)), Received: change.Add(time.Minute)}, false},
		"a broadcaster that started since":  {stream.Message{Sender: "broadcast-0", Boot: boot(change.Add(time.Second)), Received: change.Add(time.Second)}, true},
		"one with a boot that is no time":   {stream.Message{Sender: "broadcast-0", Boot: "x", Received: change.Add(time.Minute)}, false},
		"a new pod's name, early":           {stream.Message{Sender: "new-2", Received: change.Add(time.Second)}, true},
		"the name of a pod that stayed":     {stream.Message{Sender: "stays-0", Received: change.Add(time.Minute)}, false},
		"no pod's name, while old ones end": {stream.Message{Sender: "hello_world/press", Received: change.Add(time.Second)}, false},
		"no pod's name, once they are gone": {stream.Message{Sender: "hello_world/press", Received: change.Add(6 * time.Second)}, true},
		"a retained one":                    {stream.Message{Sender: "new-2", Retained: true, Received: change.Add(6 * time.Second)}, false},
	} {
		if got := s.finds(c.m); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	s.replaced = time.Time{}
	if s.finds(stream.Message{Sender: "hello_world/press", Received: change.Add(time.Hour)}) {
		t.Error("pods from before are left, and a message without a pod's name counts")
	}
}

// What is watched: the source where up runs from it, else the executable.
func TestTreesOf(t *testing.T) {
	clone, elsewhere := t.TempDir(), t.TempDir()
	press := filepath.Join(elsewhere, "press")
	goTool := filepath.Join(elsewhere, "go")
	if err := errors.Join(
		os.WriteFile(filepath.Join(clone, "go.mod"), []byte("module hellox\n"), 0o600), os.MkdirAll(filepath.Join(clone, "cmd", "hellox"), 0o700),
		os.Mkdir(press, 0o700), os.WriteFile(filepath.Join(press, "Dockerfile"), nil, 0o600), os.WriteFile(filepath.Join(press, ".dockerignore"), []byte("notes\n"), 0o600),
		os.WriteFile(goTool, []byte("#!/bin/sh\n"), 0o700), os.WriteFile(goTool+".exe", nil, 0o700), //nolint:gosec // a program must be executable
	); err != nil {
		t.Fatal(err)
	}
	up := bootstrap.UpOptions{
		Packer:  image.Packer{Runner: run.New([]string{"PATH=" + elsewhere, "PATHEXT=.exe"}), Executable: filepath.Join(elsewhere, "hellox"), Sources: []string{clone}},
		Builds:  []build.Folder{{Name: "press", Dir: press}},
		Overlay: elsewhere,
	}
	paths := func() (paths []string, fromSource bool) {
		trees, fromSource, err := treesOf(up)
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees {
			paths = append(paths, tree.Path)
		}
		if trees[1].Ignored("notes", false) == false || trees[1].Ignored("main.go", false) {
			t.Error(".dockerignore does not count")
		}
		return paths, fromSource
	}
	if got, from := paths(); !from || !slices.Equal(got, []string{clone, press, elsewhere}) {
		t.Errorf("in a clone %v is watched, source %t", got, from)
	}
	up.Packer.Sources = nil
	if got, from := paths(); from || !slices.Equal(got, []string{up.Packer.Executable, press, elsewhere}) {
		t.Errorf("elsewhere %v is watched, source %t", got, from)
	}
	for name, ignored := range map[string]bool{
		"stream/message.go": false, "web/static/js/list.js": false, "manifests/base/broker.yaml": false, "go.mod": false,
		"stream/message_test.go": true, "bench/up/main.go": true, "docs/formats.md": true, "README.md": true, ".git/index": true,
		"web/testdata/x.go": true, "hellox": true,
	} {
		if got := isNoSource(name, false); got != ignored {
			t.Errorf("%s is ignored: %t", name, got)
		}
	}
	if isNoSource("stream", true) || !isNoSource(".git", true) {
		t.Error("the wrong folders are ignored")
	}
}
