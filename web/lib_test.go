package web

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The libraries of the page and of its tests are those that vendor.sh names, byte for
// byte, each with its licence.
func TestLibraries(t *testing.T) {
	script, err := os.ReadFile("vendor.sh")
	if err != nil {
		t.Fatal(err)
	}
	for dir, licence := range map[string]string{"static/lib": "MIT", "testdata/lib": "Mozilla Public License, version 2.0"} {
		t.Run(path.Base(path.Dir(dir)), func(t *testing.T) { holdLibraries(t, os.DirFS(dir), script, licence) })
	}
}

// holdLibraries holds the libraries in a folder against its sums, the versions that
// script names, and the licence that each must have.
func holdLibraries(t *testing.T, dir fs.FS, script []byte, licence string) {
	sums, err := fs.ReadFile(dir, "SHA256SUMS.txt")
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(dir, "*")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(sums))
	for _, name := range files {
		if name == "SHA256SUMS.txt" {
			continue
		}
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		if i := slices.Index(want, name); i < 0 || want[i-1] != sum {
			t.Errorf("%s is not the file that SHA256SUMS.txt tells of", name)
		}
		library, ok := strings.CutSuffix(name, ".js")
		if !ok {
			continue
		}
		version := regexp.MustCompile(`(?m)^` + library + `=(\S+)$`).FindSubmatch(script)
		if version == nil || !regexp.MustCompile(`\bv`+regexp.QuoteMeta(string(version[1]))+`\b`).Match(content[:200]) {
			t.Errorf("%s is not of the version in vendor.sh", name)
		}
		if text, err := fs.ReadFile(dir, library+".LICENSE.txt"); err != nil || !strings.Contains(string(text), licence) {
			t.Errorf("%s has no licence %s: %v", name, licence, err)
		}
	}
	if len(files) != len(want)/2+1 {
		t.Errorf("%d files, %d sums", len(files), len(want)/2)
	}
}

// Everything that the page is made of, as a browser asks for it, is under 250 KiB.
func TestPageTransfer(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	seen, total := map[string]bool{}, 0
	var load func(address string)
	load = func(address string) {
		if seen[address] {
			return
		}
		seen[address] = true
		w := ask(s, "GET", address, "", "Accept-Encoding", "gzip, deflate, br")
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", address, w.Code)
		}
		total += w.Body.Len()
		plain := ask(s, "GET", address, "").Body.String()
		for _, m := range regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"`).FindAllStringSubmatch(plain, -1) {
			load(m[1])
		}
		if path.Ext(address) == ".js" && path.Dir(address) == "/static/js" {
			for _, m := range regexp.MustCompile(`from '\./([\w.]+)'`).FindAllStringSubmatch(plain, -1) {
				load("/static/js/" + m[1])
			}
		}
	}
	load("/")
	t.Logf("%d files, %d bytes", len(seen), total)
	if !seen["/static/lib/uplot.js"] || !seen["/static/js/main.js"] || len(seen) < 40 {
		t.Fatalf("only %d files", len(seen))
	}
	if total > 250<<10 {
		t.Errorf("%d bytes", total)
	}
}
