package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
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

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// TestMain lets the test executable stand in for the programs that hellox
// runs: called by their name, it plays what a script says.
func TestMain(m *testing.M) {
	if script := os.Getenv("HELLOX_STANDIN"); script != "" {
		os.Exit(standIn(script, strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// A script is what the stand-in plays. It lies in a folder with the files
// script.json, scene (the name of the present scene) and calls (what was
// called, a line each).
type script struct {
	// Replace is done in all that is played, in this order: pairs of old
	// and new.
	Replace    [][2]string
	Recordings string // folder
	Kubeconfig string // file that minikube writes
	Scenes     map[string][]play
}

// A play is the answer to one command line.
type play struct {
	Call       string // the program and its arguments, joined by spaces
	Recording  string // folder and name: "docker-running/status"; "": says nothing and ends with 0
	Kubeconfig string // recording of the kubeconfig that it writes
	Context    string // what it sets the kubeconfig's current context to
	Hang       bool   // having said it, it runs until it is asked to end
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
	var s script
	text, err := os.ReadFile(filepath.Join(dir, "script.json"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		panic(err)
	}
	scene, _ := os.ReadFile(filepath.Join(dir, "scene"))
	plays := s.Scenes[string(scene)]
	i := slices.IndexFunc(plays, func(p play) bool { return p.Call == call })
	if i < 0 {
		fmt.Fprintf(os.Stderr, "the stand-in knows no %q in scene %q\n", call, scene)
		return 97
	}
	return s.play(dir, plays[i])
}

func (s script) play(dir string, p play) int {
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
		must(os.WriteFile(s.Kubeconfig, []byte(read(p.Kubeconfig)), 0o600))
	}
	if p.Context != "" {
		text, err := os.ReadFile(s.Kubeconfig)
		must(err)
		var lines []string
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "current-context:") {
				lines = append(lines, line)
			}
		}
		must(os.WriteFile(s.Kubeconfig, []byte(strings.Join(lines, "")+"current-context: "+p.Context+"\n"), 0o600))
	}
	if p.Then != "" {
		must(os.WriteFile(filepath.Join(dir, "scene"), []byte(p.Then), 0o600))
	}
	if p.Hang {
		must(os.WriteFile(filepath.Join(dir, "hanging"), nil, 0o600))
		select {
		case <-interrupted:
			return 128 + int(syscall.SIGTERM)
		case <-time.After(time.Minute):
			return 98
		}
	}
	return code
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// A laptop is a machine with a minikube that plays recordings, with a home,
// a kubeconfig and a PATH of its own.
type laptop struct {
	t       *testing.T
	dir     string
	script  script
	environ []string
	// nodesTimeout is how long nodes may take to become ready; 0: as always.
	nodesTimeout time.Duration
	find         FindOptions
	// stateDir and cacheDir are those of the providers.
	stateDir, cacheDir string
	ca                 *authority // minikube's; nil before the first API server
}

// runner returns a runner of the laptop's programs.
func (l *laptop) runner() *Runner { return NewRunner(l.environ) }

// setenv sets a variable of the laptop's environment.
func (l *laptop) setenv(name, value string) { l.environ = append(l.environ, name+"="+value) }

// minikube returns the laptop's provider of minikube profiles.
func (l *laptop) minikube() *minikubeProvider {
	return &minikubeProvider{runner: l.runner(), stateDir: l.stateDir, cacheDir: l.cacheDir}
}

// providers returns all of the laptop's providers.
func (l *laptop) providers() []Provider {
	return Providers(ProviderOptions{Runner: l.runner(), StateDir: l.stateDir, CacheDir: l.cacheDir})
}

// found finds what the laptop has.
func (l *laptop) found(ctx context.Context) (Found, error) {
	return Find(ctx, l.providers(), l.find)
}

// userConfig returns the laptop's kubeconfig.
func (l *laptop) userConfig() *clientcmdapi.Config {
	l.t.Helper()
	config, err := kubeconfigFilesOf(l.runner()).load(true)
	if err != nil {
		l.t.Fatal(err)
	}
	return config
}

func newLaptop(t *testing.T, programs ...string) *laptop {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	must(os.Mkdir(bin, 0o700))
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
	recordings, err := filepath.Abs(filepath.Join("testdata", "minikube"))
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	l := &laptop{t: t, dir: dir, script: script{
		Recordings: recordings, Kubeconfig: kubeconfig, Scenes: map[string][]play{},
		Replace: [][2]string{{"/home/dev/.minikube", filepath.ToSlash(filepath.Join(dir, "minikube"))}},
	}}
	l.find = FindOptions{Target: Auto}
	l.stateDir, l.cacheDir = filepath.Join(dir, "state"), filepath.Join(dir, "cache")
	l.environ = []string{
		"PATH=" + bin, "HOME=" + dir, "USERPROFILE=" + dir, "KUBECONFIG=" + kubeconfig, "HELLOX_STANDIN=" + dir,
		"SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
	}
	return l
}

// scene adds plays to a scene; the first one named is where it begins.
func (l *laptop) scene(name string, plays ...play) {
	l.t.Helper()
	if len(l.script.Scenes) == 0 {
		must(os.WriteFile(filepath.Join(l.dir, "scene"), []byte(name), 0o600))
	}
	l.script.Scenes[name] = append(l.script.Scenes[name], plays...)
	text, err := json.Marshal(l.script)
	if err != nil {
		l.t.Fatal(err)
	}
	must(os.WriteFile(filepath.Join(l.dir, "script.json"), text, 0o600))
}

// kubeconfig writes the user's, from a recording.
func (l *laptop) kubeconfig(recording string) {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.script.Recordings, filepath.FromSlash(recording)))
	if err != nil {
		l.t.Fatal(err)
	}
	s := string(text)
	for _, r := range l.script.Replace {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	must(os.WriteFile(l.script.Kubeconfig, []byte(s), 0o600))
}

// now returns the name of the scene.
func (l *laptop) now() string {
	text, _ := os.ReadFile(filepath.Join(l.dir, "scene"))
	return string(text)
}

// calls returns what was called so far.
func (l *laptop) calls() []string {
	text, _ := os.ReadFile(filepath.Join(l.dir, "calls"))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func (l *laptop) called(call string) bool { return slices.Contains(l.calls(), call) }

// listed and its kin are the calls that Find makes, with a recording's
// answers.
func listed(recording string) play {
	return play{Call: "minikube profile list -o json --light", Recording: recording}
}

func asked(profile, recording string) play {
	return play{Call: "minikube status -p " + profile + " -o json", Recording: recording}
}
