package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// saysOtherwise is what the changed program broadcasts.
const saysOtherwise = "Hello changed world"

// build makes hellox as a release would be made, from the repository and from
// a copy of it in which one word was changed. The flags are those that up
// builds with, so that both ways lead to the same image.
func (r *kindRig) build(t *testing.T) {
	t.Helper()
	copied := filepath.Join(r.dir, "source")
	copySource(t, r.source, copied)
	touchSource(t, copied)
	r.hellox, r.changed = filepath.Join(r.dir, "hellox"), filepath.Join(r.dir, "changed")
	for into, from := range map[string]string{r.hellox: r.source, r.changed: copied} {
		c := r.program("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", into, "./cmd/hellox")
		c.Dir = from
		c.Env = append(c.Env, "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0")
		r.do(t, c)
	}
}

// copySource copies what the build needs: not the history, nor what is hidden.
func copySource(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case inside == ".":
			return os.MkdirAll(to, 0o700)
		case strings.HasPrefix(d.Name(), ".") || d.Name() == "bench" || d.Name() == "testdata":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, inside), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, inside), b, 0o600)
	})
	if err != nil {
		t.Fatalf("copy the source: %v", err)
	}
}

// touchSource has the copy's broadcasters say something else.
func touchSource(t *testing.T, copied string) {
	t.Helper()
	path := filepath.Join(copied, "cmd", "hellox", "broadcast.go")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Replace(string(b), `"Hello world"`, `"`+saysOtherwise+`"`, 1)
	if said == string(b) {
		t.Fatal(`cmd/hellox/broadcast.go has no "Hello world" to change`)
	}
	if err := os.WriteFile(path, []byte(said), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pythonWithPaho finds a Python that has paho-mqtt: not each one on the path
// need be the one that Debian's package is for.
func pythonWithPaho(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import paho.mqtt.publish").Run() == nil {
			return python
		}
	}
	needed(t, "python3-paho-mqtt")
	return ""
}
