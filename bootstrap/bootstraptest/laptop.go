package bootstraptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/bootstrap/run"
)

// Main runs the tests of a package whose test executable stands in for the
// programs that hellox runs: called by their name, it plays a script.
func Main(m *testing.M) int {
	if script := os.Getenv("HELLOX_STANDIN"); script != "" {
		return standIn(script, strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"), os.Args[1:])
	}
	return m.Run()
}

// A Script is what the stand-in plays. It lies in a folder with the files
// script.json, scene (the name of the present scene) and calls (what was
// called, a line each).
type Script struct {
	// Replace is done in all that is played, in this order: pairs of old
	// and new.
	Replace    [][2]string
	Recordings string // folder
	Kubeconfig string // file that minikube writes
	Scenes     map[string][]Play
}

// A Play is the answer to one command line.
type Play struct {
	Call       string // the program and its arguments, joined by spaces
	Recording  string // folder and name: "docker-running/status"; "": prints nothing and ends with 0
	Kubeconfig string // recording of the kubeconfig that it writes
	Context    string // what it sets the kubeconfig's current context to
	Hang       bool   // it then runs until it is asked to end
	Then       string // the scene that follows
}

// standIn plays one call and returns its exit code.
func standIn(dir, program string, args []string) int {
	call := program + " " + strings.Join(args, " ")
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(calls, call)
	calls.Close()
	var s Script
	text, err := os.ReadFile(filepath.Join(dir, "script.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		panic(err)
	}
	scene, _ := os.ReadFile(filepath.Join(dir, "scene"))
	plays := s.Scenes[string(scene)]
	i := slices.IndexFunc(plays, func(p Play) bool { return p.Call == call })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "the stand-in knows no %q in scene %q\n", call, scene)
		return 97
	}
	return s.play(dir, plays[i])
}

func (s Script) play(dir string, p Play) int {
	interrupted := make(chan os.Signal, 1)
	if p.Hang {
		signal.Notify(interrupted, syscall.SIGTERM)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(s.Recordings, filepath.FromSlash(name)))
		if err != nil { // what a test made itself
			text, _ = os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		}
		for _, r := range s.Replace {
			text = []byte(strings.ReplaceAll(string(text), r[0], r[1]))
		}
		return string(text)
	}
	code, _ := strconv.Atoi(strings.TrimSpace(read(p.Recording + ".exit")))
	fmt.Fprint(os.Stderr, read(p.Recording+".stderr"))
	fmt.Fprint(os.Stdout, read(p.Recording+".stdout"))
	if p.Kubeconfig != "" {
		Must(os.WriteFile(s.Kubeconfig, []byte(read(p.Kubeconfig)), 0o600))
	}
	if p.Context != "" {
		text, err := os.ReadFile(s.Kubeconfig)
		Must(err)
		var lines []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "current-context:") {
				lines = append(lines, line)
			}
		}
		Must(os.WriteFile(s.Kubeconfig, []byte(strings.Join(lines, "")+"current-context: "+p.Context+"\n"), 0o600))
	}
	if p.Then != "" {
		Must(os.WriteFile(filepath.Join(dir, "scene"), []byte(p.Then), 0o600))
	}
	if p.Hang {
		Must(os.WriteFile(filepath.Join(dir, "hanging"), nil, 0o600))
		select {
		case <-interrupted:
			return 128 + int(syscall.SIGTERM)
		case <-time.After(time.Minute):
			return 98
		}
	}
	return code
}

// Must panics if err is not nil.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

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

// WaitFor waits until is.
func WaitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain for %s", what)
			return
		}
	}
}
