package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/run/runtest"
)

// TestMain makes this test binary the command hellox on the PATH of every test
// and script here, so that they run the real program.
func TestMain(m *testing.M) {
	if os.Getenv("HELLOX_STANDIN") != "" { // called as minikube
		os.Exit(bootstraptest.Main(m))
	}
	runtest.EndWithGo()
	testscript.Main(m, map[string]func(){"hellox": func() {
		runtest.Follow() // also what up --detach leaves in the background
		main()
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// A home of its own, and no command but hellox: a cluster of this
			// machine must be neither found nor touched.
			self, err := exec.LookPath("hellox")
			if err != nil {
				return err
			}
			env.Setenv("PATH", filepath.Dir(self))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("NO_COLOR", "1")
			name, pid, _ := strings.Cut(runtest.Variable(), "=")
			env.Setenv(name, pid)
			env.Defer(func() { endHolders(env.WorkDir) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"freeport": freeport,
			"offers":   offers,
			"jsonl":    jsonl,
			"exits":    exits,
		},
		RequireUniqueNames: true,
	})
}

// needed ends a test that lacks something which a user's machine need not
// have: there it is skipped with the reason, in CI it fails.
func needed(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s, which CI must have", what)
	}
	t.Skipf("needs %s", what)
}

// offers LINE COMMAND…: the completion offers the line. One that takes longer than a
// shell is to wait offers nothing; it is asked for again then.
func offers(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if slices.Contains(strings.Split(ts.ReadFile("stdout"), "\n"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("it does not offer %s", args[0])
		}
	}
}

// exits CODE COMMAND…: the command ends with that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s ended with %d, want %d", args[1], got, want)
	}
}

// TestCaughtEarly: SIGHUP is caught before the packages are initialized that take long.
func TestCaughtEarly(t *testing.T) {
	cmd := exec.Command("hellox", "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, trace)
	}
	at := func(name string) int { return strings.Index(string(trace), "\ninit "+name) }
	early := at("hellox/cmd/hellox/interrupt ")
	for _, late := range []string{"k8s.io/", "github.com/nats-io/nats-server/v2/server ", "github.com/charmbracelet/bubbletea ", "hellox/bootstrap/"} {
		if n := at(late); early < 0 || n < early {
			t.Errorf("%s is initialized before SIGHUP is caught (%d, %d):\n%s", late, n, early, trace)
		}
	}
}

// TestRereads: SIGHUP ends no role that reads files anew, from its first moment on.
func TestRereads(t *testing.T) {
	for line, want := range map[string]bool{
		"broker": true, "broker --users u": true, "nats --store d": true, "receive": true,
		"": false, "--help": false, "broker passwd": false, "broker passwd ann": false, "broadcast": false, "watch broker": false,
	} {
		if got := rereads(strings.Fields(line)); got != want {
			t.Errorf("hellox %s: %v", line, got)
		}
	}
}
