package bootstraptest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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
