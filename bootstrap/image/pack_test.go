package image

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// build compiles a small program and returns its path.
func build(t *testing.T, env ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it compiles")
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-o", out, source)
	cmd.Env = append(os.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

func TestFits(t *testing.T) {
	static := build(t, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if err := Fits(static, "amd64"); err != nil {
		t.Errorf("a static executable: %v", err)
	}
	for _, c := range []struct {
		what, path, arch, want string
	}{
		{"another processor", static, "arm64", "is for another processor (amd64)"},
		{"an unknown processor", static, "pdp11", "pdp11"},
		{"macOS", build(t, "CGO_ENABLED=0", "GOOS=darwin", "GOARCH=arm64"), "arm64", "not an executable for linux"},
		{"Windows", build(t, "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64"), "amd64", "not an executable for linux"},
		{"with an interpreter", build(t, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=-buildmode=pie"), "amd64", "linked dynamically"},
	} {
		if err := Fits(c.path, c.arch); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
	}
}

// clone lays out a source tree of ours, with a main of a few lines.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module hellox\n\ngo 1.26\n",
		"cmd/hellox/main.go": "package main\n\nfunc main() {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPackBuildsWhatDoesNotFit(t *testing.T) {
	foreign := build(t, "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	builds := 0
	packer := func(dir string) Packer {
		return Packer{
			Runner: run.New(os.Environ()), Executable: foreign, Sources: []string{dir},
			CacheDir: t.TempDir(), Building: func() { builds++ },
		}
	}
	here := packer(clone(t))
	first, err := here.Pack(t.Context(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if !first.Built || builds != 1 {
		t.Errorf("built %t, %d builds", first.Built, builds)
	}
	second, err := here.Pack(t.Context(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Built || second.ID != first.ID || builds != 1 {
		t.Errorf("the second time: built %t, the same %t, %d builds", second.Built, second.ID == first.ID, builds)
	}
	// Another clone of the same source, with an empty cache, makes the
	// same image.
	other, err := packer(clone(t)).Pack(t.Context(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if !other.Built || other.ID != first.ID {
		t.Errorf("in another clone: built %t, image %s, not %s", other.Built, other.Name(), first.Name())
	}
	// What lies in the cache and is no whole executable is built again.
	kept, err := here.cached("arm64")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte("\x7fELF"), 0o700); err != nil {
		t.Fatal(err)
	}
	mended, err := here.Pack(t.Context(), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	defer mended.Close()
	if !mended.Built || mended.ID != first.ID {
		t.Errorf("after damage: built %t, image %s", mended.Built, mended.Name())
	}
}

// A plan builds nothing, and keeps nothing: what Pack has built before it takes.
func TestPlanBuildsNothing(t *testing.T) {
	dir := clone(t)
	p := Packer{
		Runner: run.New(os.Environ()), Executable: build(t, "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64"), Sources: []string{dir},
		CacheDir: filepath.Join(t.TempDir(), "cache"), Building: func() { t.Error("it builds") },
	}
	img, how, err := p.Plan("amd64")
	if img != nil || how != "one that up builds with Go from "+dir || err != nil {
		t.Errorf("%v, %q, %v", img, how, err)
	}
	if _, err := os.Stat(p.CacheDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cache: %v", err)
	}
	built := p
	built.Building = nil
	packed, err := built.Pack(t.Context(), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	if img, how, err = p.Plan("amd64"); err != nil || how != "one that up built before" || img.ID != packed.ID {
		t.Fatalf("%v, %q, %v; packed %s", img, how, err, packed.ID)
	}
	img.Close()
}

func TestPackRefuses(t *testing.T) {
	foreign := build(t, "CGO_ENABLED=0", "GOOS=darwin", "GOARCH=arm64")
	for _, c := range []struct {
		name string
		p    Packer
		want string
	}{
		{"without source", Packer{Runner: run.New(os.Environ()), Sources: []string{t.TempDir()}}, "its source is not here"},
		{"without Go", Packer{Runner: run.New(nil), Sources: []string{clone(t)}}, "Go is not installed"},
	} {
		c.p.Executable, c.p.CacheDir = foreign, t.TempDir()
		_, err := c.p.Pack(t.Context(), "amd64")
		typed := (*step.Error)(nil)
		if !errors.As(err, &typed) || typed.Kind != step.Missing || typed.Hint == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPackTellsWhyABuildFailed(t *testing.T) {
	dir := clone(t)
	if err := os.WriteFile(filepath.Join(dir, "cmd", "hellox", "main.go"), []byte("package main\n\nfunc main() { nowhere() }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := Packer{
		Runner: run.New(os.Environ()), Sources: []string{dir}, CacheDir: t.TempDir(),
		Executable: build(t, "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64"),
	}
	if _, err := p.Pack(t.Context(), "amd64"); err == nil || !strings.Contains(err.Error(), "undefined: nowhere") {
		t.Errorf("%v", err)
	}
	if left, err := filepath.Glob(filepath.Join(p.CacheDir, "built", "*")); err != nil || len(left) != 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}

func TestCacheOfBuildsIsBounded(t *testing.T) {
	p := Packer{CacheDir: t.TempDir()}
	dir := filepath.Join(p.CacheDir, "built")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A build that was cut off long ago, and one that goes on.
	for name, age := range map[string]time.Duration{"building-1": 2 * time.Hour, "building-2": 0} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chtimes(path, time.Now(), time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.evict(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	going := func(e os.DirEntry) bool { return e.Name() == "building-2" }
	if err != nil || len(entries) != keepBuilt+1 || !slices.ContainsFunc(entries, going) {
		t.Errorf("%v left, %v", entries, err)
	}
}

// On a laptop that is not the node the release's executable for Linux is packed, if it
// lies beside the running one, and nothing is built.
func TestPackTakesTheReleasesExecutable(t *testing.T) {
	for _, laptop := range []string{"GOOS=darwin GOARCH=arm64", "GOOS=windows GOARCH=amd64", "GOOS=linux GOARCH=arm64"} {
		t.Run(laptop, func(t *testing.T) {
			system, arch, _ := strings.Cut(laptop, " ")
			foreign := build(t, "CGO_ENABLED=0", system, arch)
			fit := build(t, "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
			dir := t.TempDir()
			running, beside := filepath.Join(dir, "hellox"), filepath.Join(dir, "hellox-linux-amd64")
			put := func(from, to string) {
				t.Helper()
				text, err := os.ReadFile(from)
				if err == nil {
					err = os.WriteFile(to, text, 0o700) //nolint:gosec // a program must be executable
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			put(foreign, running)
			p := Packer{Runner: run.New(nil), Executable: running, CacheDir: t.TempDir()}
			refused := func(want string) {
				t.Helper()
				_, err := p.Pack(t.Context(), "amd64")
				_, checked := p.Check("amd64")
				typed := (*step.Error)(nil)
				if !errors.As(err, &typed) || typed.Kind != step.Missing || typed.Hint == "" || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
				if checked == nil || checked.Error() != err.Error() {
					t.Errorf("doctor says %v, up %v", checked, err)
				}
			}
			refused("and its source is not here")
			put(foreign, beside)
			refused(beside + " is for the nodes (linux/amd64), but it is ")
			put(fit, beside)
			img, err := p.Pack(t.Context(), "amd64")
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			want, err := New(fit, "amd64")
			if err != nil {
				t.Fatal(err)
			}
			defer want.Close()
			if img.ID != want.ID || img.Built || img.Arch != "amd64" {
				t.Errorf("image %s, built %t, for %s", img.Name(), img.Built, img.Arch)
			}
			if how, err := p.Check("amd64"); err != nil || how != "the release's "+beside {
				t.Errorf("doctor: %q, %v", how, err)
			}
		})
	}
}
