package bootstraptest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hellox/bootstrap/run"
)

// Recordings returns the folder of a real minikube's output.
func Recordings(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return filepath.Join(dir, "bootstrap", "bootstraptest", "testdata", "minikube")
		}
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			t.Fatalf("no go.mod above the working folder: %v", err)
		}
		dir = filepath.Dir(dir)
	}
}

// Recorded reads a real minikube's output.
func Recorded(t *testing.T, name string) (out run.Output, exit int) {
	t.Helper()
	read := func(suffix string) string {
		text, err := os.ReadFile(filepath.Join(Recordings(t), filepath.FromSlash(name)+suffix))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(text)
	}
	out = run.Output{Stdout: read(".stdout"), Stderr: read(".stderr")}
	code := strings.TrimSpace(read(".exit"))
	if code == "" {
		if out == (run.Output{}) {
			t.Fatalf("no recording %s", name)
		}
		return out, 0
	}
	exit, err := strconv.Atoi(code)
	if err != nil {
		t.Fatal(err)
	}
	return out, exit
}
