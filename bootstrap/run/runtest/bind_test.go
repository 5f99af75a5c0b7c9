package runtest_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
)

// TestMain makes this test binary the processes of TestKilled.
func TestMain(m *testing.M) {
	switch os.Getenv("HELLOX_TEST_ROLE") {
	case "test": // starts two processes, names them, and waits to be killed
		for _, role := range []string{"child", "daemon"} {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "HELLOX_TEST_ROLE="+role)
			if role == "child" {
				runtest.Bind(cmd)
			} else {
				cmd.Env = append(cmd.Env, runtest.Variable())
			}
			if err := cmd.Start(); err != nil {
				panic(err)
			}
			os.Stdout.WriteString(strconv.Itoa(cmd.Process.Pid) + "\n")
		}
		time.Sleep(time.Hour)
	case "daemon":
		runtest.Follow()
		time.Sleep(time.Hour)
	case "child":
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// TestKilled kills a test that has a child and a daemon: neither stays behind.
func TestKilled(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux tells a process that its parent has ended")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HELLOX_TEST_ROLE=test")
	runtest.Bind(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	for lines := bufio.NewScanner(out); len(pids) < 2 && lines.Scan(); {
		pids = append(pids, lines.Text())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		var left []string
		for _, pid := range pids {
			if running(pid) {
				left = append(left, pid)
			}
		}
		if len(pids) == 2 && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("of the processes %v these are left: %v", pids, left)
		}
	}
}

// running reports whether a process is there and is not only waiting to be reaped.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}
