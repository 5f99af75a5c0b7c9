package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named finds what looks like a path of this repository in a page: in backquotes,
// with a slash, or a link to a file.
var named = regexp.MustCompile("`([a-z][\\w.-]*/[\\w./-]+)`|\\]\\(([\\w./-]+)\\)")

// TestPapers checks that every file and folder of the repository that the papers
// for people name exists.
func TestPapers(t *testing.T) {
	const root = "../.."
	pages := []string{"ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md"}
	for _, folder := range []string{"docs", "docs/decisions"} {
		more, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil || len(more) == 0 {
			t.Fatalf("%s holds no page: %v", folder, err)
		}
		for _, page := range more {
			pages = append(pages, strings.TrimPrefix(filepath.ToSlash(page), root+"/"))
		}
	}
	paths := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(root, m[1])
			if m[2] != "" {
				path = filepath.Join(root, filepath.Dir(page), m[2])
			} else if top, _, _ := strings.Cut(m[1], "/"); !exists(filepath.Join(root, top)) {
				continue // a topic, a module, a path on another machine
			}
			paths++
			if !exists(path) {
				t.Errorf("%s names %s, which does not exist", page, m[0])
			}
		}
	}
	if paths < 60 {
		t.Errorf("only %d paths were found in the papers", paths)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestThreatModel wants each test that SECURITY.md names to exist.
func TestThreatModel(t *testing.T) {
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Builder{}
	err = filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		all.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(string(text), -1)
	if len(names) < 20 {
		t.Errorf("SECURITY.md names %d tests", len(names))
	}
	for _, name := range names {
		if !strings.Contains(all.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("SECURITY.md names %s, which there is not", name[1])
		}
	}
}
