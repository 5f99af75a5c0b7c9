package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// The bounds that keep each part small enough to be read at one sitting
// (CONTRIBUTING.md). A part that outgrows one is divided, not excused.
const (
	maxPackageFiles  = 30 // without tests
	maxMethodFiles   = 5  // in which a type has methods
	maxFunctionLines = 60
)

// kubectlAnywhere is what kubectl may be told without its cluster: it asks none.
var kubectlAnywhere = []string{"kubectl config view", "kubectl config rename-context ", "kubectl kustomize DIR", "kubectl --kubeconfig ", "kubectl --context NAME ", "hellox manifests | kubectl diff -f -", "kubectl apply -k takes the same files"}

// TestKubectlHints: a hint is typed where any cluster may be the current one, so that
// kube.Commands alone writes kubectl commands.
func TestKubectlHints(t *testing.T) {
	positions := token.NewFileSet()
	for path, file := range sources(t, positions) {
		if path == "bootstrap/kube/config.go" || strings.HasPrefix(path, "bench/") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING || !strings.Contains(text.Value, "kubectl ") {
				return true
			}
			if !slices.ContainsFunc(kubectlAnywhere, func(words string) bool { return strings.Contains(text.Value, words) }) {
				t.Errorf("%s: %s: without its cluster; use kube.Commands", positions.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}

// bareHellox finds a command that is typed for an installation, without which one.
var bareHellox = regexp.MustCompile(`hellox (up|down|status|logs|scale)\b`)

// helloxAnywhere is what such a command may be without it: a person repeats what was
// typed, or asks for another cluster, or the text is about the command.
var helloxAnywhere = []string{"the same hellox up", "hellox up --target ", "hellox up does not", "hellox up --build press=./press", "hellox up --kustomize ", "=$HOME/hellox hellox up", "hellox up makes its own", `"hellox up "`, "hellox up %s 0"}

// TestHelloxHints: what is below the commands does not know what was typed, so that
// kube.Commands and cluster.Candidate alone write hellox commands for an installation.
func TestHelloxHints(t *testing.T) {
	positions := token.NewFileSet()
	for path, file := range sources(t, positions) {
		if !strings.HasPrefix(path, "bootstrap/") && !strings.HasPrefix(path, "manifests/") {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING || !bareHellox.MatchString(text.Value) {
				return true
			}
			if !slices.ContainsFunc(helloxAnywhere, func(words string) bool { return strings.Contains(text.Value, words) }) {
				t.Errorf("%s: %s: without its installation; use kube.Commands", positions.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}

// TestLayout holds the bounds, and that each package says what lives in it.
func TestLayout(t *testing.T) {
	files := map[string]int{}               // by package folder
	methods := map[string]map[string]bool{} // by type, the files
	documented := map[string]bool{}         // has a doc.go
	positions := token.NewFileSet()
	for path, file := range sources(t, positions) {
		dir := filepath.Dir(path)
		files[dir]++
		documented[dir] = documented[dir] || filepath.Base(path) == "doc.go" && file.Doc != nil
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := positions.Position(f.End()).Line - positions.Position(f.Pos()).Line + 1
			if lines > maxFunctionLines && !constructsCommand(dir, f) {
				t.Errorf("%s: func %s has %d lines; at most %d", path, f.Name.Name, lines, maxFunctionLines)
			}
			if f.Recv != nil {
				name := dir + "." + receiverType(f)
				if methods[name] == nil {
					methods[name] = map[string]bool{}
				}
				methods[name][path] = true
			}
		}
	}
	if len(files) < 10 {
		t.Fatalf("%d packages were read: the test looks in the wrong place", len(files))
	}
	for dir, n := range files {
		if n > maxPackageFiles {
			t.Errorf("%s has %d files; at most %d", dir, n, maxPackageFiles)
		}
		if !documented[dir] {
			t.Errorf("%s has no doc.go with a package comment", dir)
		}
	}
	for name, in := range methods {
		if len(in) > maxMethodFiles {
			t.Errorf("%s has methods in %d files; at most %d", name, len(in), maxMethodFiles)
		}
	}
}

// sources parses the repository's Go files but tests, by path from its top.
func sources(t *testing.T, positions *token.FileSet) map[string]*ast.File {
	t.Helper()
	const top = "../.."
	parsed := map[string]*ast.File{}
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains([]string{".git", "testdata", "node_modules"}, d.Name()) || isTestHelper(path)):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(positions, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		path, err = filepath.Rel(top, path)
		parsed[filepath.ToSlash(path)] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// constructsCommand reports whether f builds a command of the command line: a
// list of its flags, one a line.
func constructsCommand(dir string, f *ast.FuncDecl) bool {
	if dir != "cmd/hellox" || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	star, ok := f.Type.Results.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	selector, ok := star.X.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Command"
}

// receiverType is the name of the type that f is a method of.
func receiverType(f *ast.FuncDecl) string {
	typ := f.Recv.List[0].Type
	for {
		switch t := typ.(type) {
		case *ast.StarExpr:
			typ = t.X
		case *ast.IndexExpr:
			typ = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// TestDocComments holds that a comment which begins with an identifier begins
// with the one that it documents: a renamed function takes its comment along.
func TestDocComments(t *testing.T) {
	positions := token.NewFileSet()
	read := 0
	for path, file := range sources(t, positions) {
		for _, d := range file.Decls {
			name, doc := "", (*ast.CommentGroup)(nil)
			switch d := d.(type) {
			case *ast.FuncDecl:
				name, doc = d.Name.Name, d.Doc
			case *ast.GenDecl:
				if spec, ok := d.Specs[0].(*ast.TypeSpec); ok && !d.Lparen.IsValid() {
					name, doc = spec.Name.Name, d.Doc
				}
			}
			words := strings.Fields(doc.Text())
			if len(words) == 0 {
				continue
			}
			read++
			if first := strings.Trim(words[0], ",.:;"); first != name && isIdentifier(first) {
				t.Errorf("%s: the comment of %s begins with %s", path, name, first)
			}
		}
	}
	if read < 500 {
		t.Fatalf("%d comments were read: the test looks in the wrong place", read)
	}
}

// isIdentifier reports whether a word at the beginning of a sentence can only be
// an identifier: it begins with a small letter, or has a capital after one.
func isIdentifier(word string) bool {
	small := false
	for i, r := range word {
		if i == 0 && unicode.IsLower(r) || small && unicode.IsUpper(r) {
			return true
		}
		small = unicode.IsLower(r)
	}
	return false
}
