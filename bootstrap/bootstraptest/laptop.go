package bootstraptest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run"
)

// A Laptop is a machine with a minikube that plays recordings, with a home,
// a kubeconfig and a PATH of its own.
type Laptop struct {
	T       *testing.T
	Dir     string
	Script  Script
	Environ []string
	CA      *Authority // minikube's; nil before the first API server
}

// Runner returns a runner of the laptop's programs.
func (l *Laptop) Runner() *run.Runner { return run.New(l.Environ) }

// Setenv sets a variable of the laptop's environment.
func (l *Laptop) Setenv(name, value string) { l.Environ = append(l.Environ, name+"="+value) }

// NewLaptop makes a laptop on which those programs are installed.
func NewLaptop(t *testing.T, programs ...string) *Laptop {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	Must(os.Mkdir(bin, 0o700))
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		to := filepath.Join(bin, p)
		if runtime.GOOS == "windows" {
			to += ".exe"
		}
		if err := os.Symlink(exe, to); err != nil {
			t.Skipf("no stand-in for %s: %v", p, err)
		}
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	return &Laptop{
		T: t, Dir: dir,
		Script: Script{
			Recordings: Recordings(t), Kubeconfig: kubeconfig, Scenes: map[string][]Play{},
			Replace: [][2]string{{"/home/dev/.minikube", filepath.ToSlash(filepath.Join(dir, "minikube"))}},
		},
		Environ: []string{
			"PATH=" + bin, "HOME=" + dir, "USERPROFILE=" + dir, "KUBECONFIG=" + kubeconfig, "HELLOX_STANDIN=" + dir,
			"SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		},
	}
}

// Scene adds plays to a scene; the first one named is where it begins.
func (l *Laptop) Scene(name string, plays ...Play) {
	l.T.Helper()
	if len(l.Script.Scenes) == 0 {
		Must(os.WriteFile(filepath.Join(l.Dir, "scene"), []byte(name), 0o600))
	}
	l.Script.Scenes[name] = append(l.Script.Scenes[name], plays...)
	text, err := json.Marshal(l.Script)
	if err != nil {
		l.T.Fatal(err)
	}
	Must(os.WriteFile(filepath.Join(l.Dir, "script.json"), text, 0o600))
}

// Kubeconfig writes the user's, from a recording.
func (l *Laptop) Kubeconfig(recording string) {
	l.T.Helper()
	text, err := os.ReadFile(filepath.Join(l.Script.Recordings, filepath.FromSlash(recording)))
	if err != nil {
		l.T.Fatal(err)
	}
	s := string(text)
	for _, r := range l.Script.Replace {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	Must(os.WriteFile(l.Script.Kubeconfig, []byte(s), 0o600))
}

// Now returns the name of the scene.
func (l *Laptop) Now() string {
	text, _ := os.ReadFile(filepath.Join(l.Dir, "scene"))
	return string(text)
}

// Calls returns what was called so far.
func (l *Laptop) Calls() []string {
	text, _ := os.ReadFile(filepath.Join(l.Dir, "calls"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// Called reports whether that command line was called.
func (l *Laptop) Called(call string) bool { return slices.Contains(l.Calls(), call) }

// Must panics if err is not nil.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// WaitFor waits until is.
func WaitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}
