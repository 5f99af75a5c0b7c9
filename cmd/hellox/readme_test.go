package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
)

// A tryout is how a command of the README is tried. The zero value: as it is
// written, and it ends with 0.
type tryout struct {
	instead string // what is run instead: a placeholder filled in, an address of this test
	endless bool   // it is ended after its first line
	skip    string // why it is not tried here
	code    int
}

// readmeTryouts are the commands of the README. The installation that they speak
// to is the one that the first of them begins, on free ports: PAGE and BROKER
// stand for its addresses.
var readmeTryouts = map[string]tryout{
	"go run ./cmd/hellox up":                        {skip: "it is begun before the others, by the hellox of this test"},
	"go test ./...":                                 {skip: "it is what runs this test"},
	"git clone ADDRESS hellox && cd hellox":         {skip: "it names no address"},
	"go run ./cmd/hellox watch -n 2":                {},
	"go install ./cmd/hellox":                       {},
	`export PATH="$(go env GOPATH)/bin:$PATH"`:      {},
	"hellox version":                                {instead: `"$(go env GOPATH)/bin/hellox" version`},
	"go env GOBIN":                                  {},
	"go env GOPATH":                                 {},
	"hellox COMMAND --help":                         {instead: "hellox up --help"},
	"hellox completion bash":                        {},
	"hellox up":                                     {}, // it is up already
	"hellox watch":                                  {endless: true},
	"hellox watch mqtt://host":                      {instead: "hellox watch BROKER", endless: true},
	"hellox open":                                   {},
	"hellox status":                                 {},
	"hellox scale 5":                                {},
	"hellox publish TEXT":                           {},
	"hellox tell broadcast-0 say hi":                {},
	"hellox logs receive -f":                        {endless: true},
	"hellox manifests":                              {},
	"hellox receive --keep":                         {instead: "hellox receive --keep 1GiB --help"},
	"mosquitto_sub -V mqttv5 -t 'hello_world/#' -v": {endless: true},
	"mosquitto_pub -V mqttv5 -t hello_world/broadcast -m 'Hello world'":                                                                 {},
	"curl -s 'http://127.0.0.1:8420/api/messages?limit=10&filter=delta>8s'":                                                             {},
	"curl -sN 'http://127.0.0.1:8420/api/events?after=100'":                                                                             {instead: "curl -sN 'PAGE/api/events?after=1'", endless: true},
	"curl -s http://127.0.0.1:8420/api/senders":                                                                                         {},
	`curl -s http://127.0.0.1:8420/api/publish -H 'Content-Type: application/json' -d '{"topic":"hello_world/publish","payload":"hi"}'`: {},
	"hellox doctor": {instead: "hellox doctor --target local"},
	"hellox down":   {skip: "it ends the installation, after the others"},
}

// The commands of a README: a line of a block of shell commands, or what stands in
// backquotes and begins with the name of a program.
var (
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	anyBlock   = regexp.MustCompile("(?s)```.*?```")
	inline     = regexp.MustCompile("`((?:hellox|go|git|curl|mosquitto_sub|mosquitto_pub) [^`]+)`")
)

func readmeCommands(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			commands = append(commands, strings.TrimSpace(line))
		}
	}
	for _, m := range inline.FindAllStringSubmatch(anyBlock.ReplaceAllString(string(text), ""), -1) {
		if !slices.Contains(commands, m[1]) {
			commands = append(commands, m[1])
		}
	}
	return commands
}

// TestReadme tries the commands of the README, in their order. A command that is
// not listed above, or no longer in the README, fails it.
func TestReadme(t *testing.T) {
	t.Parallel() // it waits more than it works
	commands := readmeCommands(t)
	for _, c := range commands {
		if _, known := readmeTryouts[c]; !known {
			t.Errorf("the README has a command that is not tried: %s", c)
		}
	}
	for _, c := range slices.Sorted(maps.Keys(readmeTryouts)) {
		if !slices.Contains(commands, c) {
			t.Errorf("the README has no command: %s", c)
		}
	}
	if t.Failed() {
		return
	}
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("the commands are not run: it is a short run, or there is no shell")
	}
	r := newReadmeRig(t)
	r.up()
	for _, c := range commands {
		t.Run(c, func(t *testing.T) {
			how := readmeTryouts[c]
			if how.skip != "" {
				t.Skip(how.skip)
			}
			if name, _, _ := strings.Cut(c, " "); !strings.HasPrefix(c, "hellox") && !strings.HasPrefix(c, "export") {
				if _, err := exec.LookPath(name); err != nil {
					needed(t, name)
				}
			}
			r.try(t, c, how)
		})
	}
	r.down()
}

// A readmeRig is the shell that a newcomer types the README's commands into: in the
// clone, with a state and a GOPATH of its own.
type readmeRig struct {
	t            *testing.T
	env          []string
	config       string // of the mosquitto clients
	process      *process
	page, broker string
}

func newReadmeRig(t *testing.T) *readmeRig {
	dir := t.TempDir()
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		needed(t, "go")
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	// A browser that shows nothing: what opens one must find one.
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"xdg-open", "open"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r := &readmeRig{t: t, config: dir}
	r.env = append(os.Environ(), runtest.Variable(), "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CONFIG_HOME="+dir,
		"GOPATH="+filepath.Join(dir, "go"), "GOBIN=", "GOMODCACHE="+strings.TrimSpace(string(modules)), "GOCACHE="+strings.TrimSpace(string(cache)),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1", "TERM=dumb",
		// A cluster of this machine must be neither found nor touched.
		"HELLOX_TARGET="+targetLocal)
	t.Cleanup(func() { endHolders(dir) })
	return r
}

// up begins the installation, as the README's first command does: the hellox of
// this test in place of go run, as it ends with the test however that ends.
func (r *readmeRig) up() {
	r.t.Helper()
	env := append(slices.Clone(r.env), "HELLOX_WEB_PORT=0", "HELLOX_MQTT_PORT=0")
	r.process = startProcessIn(r.t, env, r.t.TempDir(), "up", "up")
	until(r.t, "the installation is up", func() bool {
		said, err := os.ReadFile(r.process.log)
		if err != nil {
			r.t.Fatal(err)
		}
		page := regexp.MustCompile(`the page\s+(http://\S+)`).FindSubmatch(said)
		broker := regexp.MustCompile(`MQTT\s+(mqtt://\S+)`).FindSubmatch(said)
		if page == nil || broker == nil {
			return false
		}
		r.page, r.broker = string(page[1]), string(broker[1])
		return true
	})
	// The mosquitto clients read their options from there: the port is another one.
	_, port, _ := strings.Cut(strings.TrimPrefix(r.broker, "mqtt://"), ":")
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub"} {
		options := []byte("-h 127.0.0.1\n-p " + port + "\n")
		if err := os.WriteFile(filepath.Join(r.config, name), options, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// down ends the installation with the README's last command: up ends with 0.
func (r *readmeRig) down() {
	r.try(r.t, "hellox down", tryout{})
	select {
	case <-r.process.done:
		if r.process.err != nil {
			r.t.Errorf("up, ended by down: %v", r.process.err)
		}
	case <-time.After(time.Minute):
		r.t.Error("up is still there a minute after down")
	}
}

// try runs a command as how says.
func (r *readmeRig) try(t *testing.T, line string, how tryout) {
	t.Helper()
	if how.instead != "" {
		line = how.instead
	}
	line = strings.NewReplacer("PAGE", r.page, "http://127.0.0.1:8420", r.page, "BROKER", r.broker).Replace(line)
	if how.endless {
		line = "exec " + line // the signal is for the program, not for the shell
	}
	var errs bytes.Buffer
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stderr = "../..", r.env, &errs
	runtest.Bind(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
	if how.endless {
		first := make([]byte, 1)
		_, err = io.ReadFull(stdout, first)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait() // by the signal
		if err != nil || ctx.Err() != nil {
			t.Errorf("%s printed nothing (%v)\n%s", line, err, errs.String())
		}
		return
	}
	out, _ := io.ReadAll(stdout)
	err = cmd.Wait()
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	if code != how.code || ctx.Err() != nil {
		t.Errorf("%s ended with %d (%v), want %d\n%s%s", line, code, err, how.code, out, errs.String())
	}
	// curl ends with 0 on an answer that refuses.
	if bytes.Contains(out, []byte(`"status":4`)) || bytes.Contains(out, []byte(`"status":5`)) {
		t.Errorf("%s was refused: %s", line, out)
	}
}

// Each benchmark of CONTRIBUTING.md is a program of the module, and each program is there.
func TestBenchmarksAreListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob("../../bench/*/main.go")
	if err != nil || len(programs) == 0 {
		t.Fatalf("programs %d: %v", len(programs), err)
	}
	var there, listed []string
	for _, p := range programs {
		there = append(there, filepath.Base(filepath.Dir(p)))
	}
	for _, m := range regexp.MustCompile(`go -C bench run \./(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(listed, m[1]) {
			listed = append(listed, m[1])
		}
	}
	slices.Sort(listed)
	if !slices.Equal(there, listed) {
		t.Errorf("bench has %q, CONTRIBUTING.md lists %q", there, listed)
	}
}
