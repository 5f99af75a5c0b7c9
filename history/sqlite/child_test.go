package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
	"hellox/history"
	"hellox/history/historytest"
	"hellox/sqlitefile"
	"hellox/stream"
)

// The fault tests need a receiver that can be killed and whose system calls
// can fail: this test binary, started again as a child that appends and says
// on stdout what was acknowledged.

const childEnv = "HELLOX_HISTORY_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		runtest.Follow() // under strace, which does not end it
		os.Exit(child(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// child appends messages of one sender to the history at args[1], from
// sequence number args[2] on, as many as args[3], in batches whose size varies
// up to 40. It says "ready", "ack N" for each, at the end "done". How it does
// so is args[0].
func child(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	how, path := args[0], args[1]
	first, _ := strconv.Atoi(args[2])
	count, _ := strconv.Atoi(args[3])
	o := Options{retryEvery: 20 * time.Millisecond}
	steps := migrations()
	switch how {
	case "retention":
		o.Keep = 1 << 20
	case "migration":
		steps = append(steps, slowMigration)
	}
	fmt.Println("opening")
	s, err := open(ctx, path, o, steps)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	fmt.Println("ready")
	for n := first; n < first+count; {
		var batch []stream.Arrival
		for range n%40 + 1 {
			seq := n
			a := historytest.Hello("a", uint64(seq), seq)
			a.Ack = func() { fmt.Printf("ack %d\n", seq) }
			batch = append(batch, a)
			n++
		}
		err := s.Append(ctx, batch)
		if err == nil && how == "checkpoint" {
			if err = s.checkpointLog(); sqlitefile.IsFull(err) {
				err = nil // it is for the next batch to wait
			}
		}
		if err == nil {
			_, err = s.Maintain(ctx)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			fmt.Println("failed")
			// What comes after a failure must not be acknowledged.
			for range 3 {
				_ = s.Append(ctx, batch)
			}
			return 1
		}
	}
	fmt.Println("done")
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// slowMigration rewrites every row.
const slowMigration = `ALTER TABLE m ADD COLUMN later INTEGER NOT NULL DEFAULT 0; UPDATE m SET later = id;
CREATE TABLE copy AS SELECT * FROM m`

// A childRun is a child that has ended.
type childRun struct {
	acked  []uint64
	lines  []string
	stderr string
	code   int
}

// runChild runs a child, under a program such as strace if prefix names one.
// kill, if not nil, is called with each line and kills the child by returning
// a time to do so.
func runChild(t *testing.T, prefix []string, kill func(line string) (after time.Duration, now bool), args ...string) childRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := append(append(append([]string{}, prefix...), self), args...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	runtest.Bind(cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var run childRun
	var killing sync.Once
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		line := lines.Text()
		run.lines = append(run.lines, line)
		if n, ok := strings.CutPrefix(line, "ack "); ok {
			seq, err := strconv.ParseUint(n, 10, 64)
			if err != nil {
				t.Fatalf("child says %q", line)
			}
			run.acked = append(run.acked, seq)
		}
		if kill != nil {
			if after, now := kill(line); now {
				killing.Do(func() { time.AfterFunc(after, func() { cmd.Process.Kill() }) })
			}
		}
	}
	_ = cmd.Wait() // the code says more
	run.stderr, run.code = stderr.String(), cmd.ProcessState.ExitCode()
	if ctx.Err() != nil {
		t.Fatalf("the child did not end: %v, %s", run.lines[max(0, len(run.lines)-5):], run.stderr)
	}
	return run
}

// checkStored opens the history that a child has left and checks that all that
// was acknowledged is there once, or was evicted by retention.
func checkStored(t *testing.T, path string, acked []uint64, steps []string) {
	t.Helper()
	s, err := open(t.Context(), path, Options{}, steps)
	if err != nil {
		t.Fatalf("open what is left: %v", err)
	}
	defer s.Close()
	if n, ok, err := s.writer.Integer(t.Context(), "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'"); err != nil || !ok || n != 0 {
		t.Fatalf("quick_check finds %d faults, %v", n, err)
	}
	times := map[uint64]int{}
	lowest := uint64(1 << 62)
	for q := (history.Query{FromStart: true, Limit: history.MaxLimit}); ; {
		page, err := s.Messages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Messages {
			seq := page.Messages[i].Seq
			times[seq]++
			lowest = min(lowest, seq)
		}
		if q.After = page.Next; page.Next == 0 {
			break
		}
	}
	evicted := s.evicted.Load() > 0
	for _, seq := range acked {
		if times[seq] != 1 && !(evicted && seq < lowest && times[seq] == 0) {
			t.Fatalf("%d was acknowledged and is stored %d times", seq, times[seq])
		}
	}
	for seq, n := range times {
		if n != 1 {
			t.Fatalf("%d is stored %d times", seq, n)
		}
	}
	st, err := s.Stats(t.Context())
	if err != nil || st.Missed != 0 || st.Stored != uint64(len(times))+st.Evicted {
		t.Fatalf("%v %+v, %d messages", err, st, len(times))
	}
}

// rounds is how often the slow tests try: HELLOX_FAULT_ROUNDS, or few.
func rounds(few int) int {
	if n, err := strconv.Atoi(os.Getenv("HELLOX_FAULT_ROUNDS")); err == nil {
		return n
	}
	return few
}

// need says why a test cannot run here; in CI that is a failure.
func need(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// straced returns the command that runs a child under strace.
func straced(t *testing.T, options ...string) []string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		need(t, "strace is not installed: system calls cannot be made to fail")
	}
	out, err := exec.Command(strace, "-o", filepath.Join(t.TempDir(), "probe"), "true").CombinedOutput()
	if err != nil {
		need(t, fmt.Sprintf("strace may not trace here: %s", out))
	}
	return append([]string{strace, "-f", "-qq"}, options...)
}
