package main

import (
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
