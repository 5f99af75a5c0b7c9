package runtest

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"
)

// testPID is the environment variable that names the test's process to those that
// it starts.
const testPID = "HELLOX_TEST_PID"

// Bind makes the process of cmd end when this test's process ends, and names this
// process to it for Follow. It is called after cmd.Env was set, before Start.
func Bind(cmd *exec.Cmd) {
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(slices.Clip(cmd.Env), Variable())
	bind(cmd)
}

// Variable returns the environment variable that Follow reads, for a process that
// is started by something other than an exec.Cmd.
func Variable() string { return testPID + "=" + strconv.Itoa(os.Getpid()) }

// Follow ends this process when the test that it belongs to has ended. It is for
// processes of the test's own program that are not, or do not stay, its children:
// a daemon, or a process under a tracer. Without a test it does nothing.
func Follow() {
	pid, err := strconv.Atoi(os.Getenv(testPID))
	if err != nil || pid == os.Getpid() {
		return
	}
	go func() {
		for alive(pid) {
			time.Sleep(500 * time.Millisecond)
		}
		os.Exit(1)
	}()
}
