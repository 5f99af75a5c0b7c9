package filters

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"hellox/cmd/hellox/config"
	"hellox/smallfile"
	"hellox/stream/filter"
)

// A File holds filters by their names.
type File struct{ path string }

// Open returns the user's file, which need not exist.
func Open(env func(string) (string, bool)) (*File, error) {
	path, err := config.Path(env, "filters.toml")
	if err != nil {
		return nil, err
	}
	return &File{path}, nil
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// All returns all filters, sorted by name.
func (f *File) All() ([]filter.Named, error) {
	_, all, err := f.read()
	if err != nil {
		return nil, err
	}
	var named []filter.Named
	for _, name := range slices.Sorted(maps.Keys(all)) {
		named = append(named, filter.Named{Name: name, Expression: all[name]})
	}
	return named, nil
}

// Keep keeps a filter under its name, in the place of another one of that name.
func (f *File) Keep(n filter.Named) error {
	if err := filter.CheckName(n.Name); err != nil {
		return err
	}
	return f.change(func(all map[string]string) { all[n.Name] = n.Expression }, n.Name)
}

// Forget takes the filter of that name out.
func (f *File) Forget(name string) error {
	return f.change(func(all map[string]string) { delete(all, name) }, name)
}

// read returns the text of the file and what is in it.
func (f *File) read() (string, map[string]string, error) {
	all := map[string]string{}
	text, err := smallfile.Read(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", all, nil
	}
	if p := new(fs.PathError); errors.As(err, &p) {
		return "", nil, fmt.Errorf("read %s: %w", f.path, p.Err)
	}
	if err := toml.Unmarshal(text, &all); err != nil {
		return "", nil, f.wrong(err)
	}
	return string(text), all, nil
}

// wrong returns the error of the TOML library as a sentence with its line.
func (f *File) wrong(err error) error {
	if syntax := new(toml.DecodeError); errors.As(err, &syntax) {
		line, _ := syntax.Position()
		return fmt.Errorf(`read %s: line %d: a filter is NAME = "EXPRESSION": %s`, f.path, line, strings.TrimPrefix(syntax.Error(), "toml: "))
	}
	return fmt.Errorf("read %s: %s", f.path, strings.TrimPrefix(err.Error(), "toml: "))
}

// change writes the file after it was changed at one name: that line alone, if the
// file then says what it should, else the whole file.
func (f *File) change(do func(map[string]string), name string) error {
	text, all, err := f.read()
	if err != nil {
		return err
	}
	do(all)
	changed := replaceLine(text, name, all)
	got := map[string]string{}
	if err := toml.Unmarshal([]byte(changed), &got); err != nil || !maps.Equal(got, all) {
		changed = whole(all)
	}
	return f.write([]byte(changed))
}

// whole returns a file of these filters.
func whole(all map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(line(name, all[name]))
	}
	return b.String()
}

// replaceLine returns text with the line of a name as all has it: replaced, added at
// the end, or left out.
func replaceLine(text, name string, all map[string]string) string {
	lines := strings.SplitAfter(text, "\n")
	begins := regexp.MustCompile(`^\s*(["']?)` + regexp.QuoteMeta(name) + `(["']?)\s*=`)
	at := slices.IndexFunc(lines, begins.MatchString)
	expression, ok := all[name]
	switch {
	case ok && at >= 0:
		lines[at] = line(name, expression)
	case ok:
		if text != "" && !strings.HasSuffix(text, "\n") {
			lines = append(lines, "\n")
		}
		lines = append(lines, line(name, expression))
	case at >= 0:
		lines = slices.Delete(lines, at, at+1)
	}
	return strings.Join(lines, "")
}

// line returns the line of a filter.
func line(name, expression string) string {
	b, err := toml.Marshal(map[string]string{name: expression})
	if err != nil { // a map of texts can always be written
		panic(err)
	}
	return string(b)
}

// write replaces the file.
func (f *File) write(text []byte) error {
	if old, err := smallfile.Read(f.path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(f.path), 0o700)
	if err == nil {
		err = smallfile.Write(f.path, text)
	}
	if err != nil {
		return fmt.Errorf("keep the filter: %w", err)
	}
	return nil
}
