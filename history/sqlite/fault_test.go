package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/stream"
)

// SIGKILL at any moment of a checkpoint, of an eviction and of a migration.
func TestKilled(t *testing.T) {
	for _, how := range []string{"checkpoint", "retention", "migration"} {
		t.Run(how, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(len(how))))
			path := filepath.Join(t.TempDir(), "history.db")
			var acked []uint64
			for round := range rounds(4) {
				if how == "migration" {
					path = filepath.Join(t.TempDir(), "history.db") // a new one to migrate each time
					acked = runChild(t, nil, nil, "append", path, "1", "4000").acked
				}
				next := 1
				if n := len(acked); n > 0 {
					next = int(acked[n-1]) + 1
				}
				run := runChild(t, nil, func(line string) (time.Duration, bool) {
					if how == "migration" {
						return time.Duration(random.IntN(60)) * time.Millisecond, line == "opening"
					}
					return time.Duration(random.IntN(150)) * time.Millisecond, line == "ready"
				}, how, path, fmt.Sprint(next), "1000000")
				acked = append(acked, run.acked...)
				steps := migrations()
				if how == "migration" {
					steps = append(steps, slowMigration)
				}
				checkStored(t, path, acked, steps)
				// What was stored and not acknowledged is sent again: no gap.
				acked = relearn(t, path, steps)
				if round == 0 && len(acked) == 0 {
					t.Fatal("nothing was stored before the kill")
				}
			}
		})
	}
}

// relearn returns all sequence numbers of a history.
func relearn(t *testing.T, path string, steps []string) (all []uint64) {
	t.Helper()
	s, err := open(t.Context(), path, Options{}, steps)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	senders, err := s.Senders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); len(senders) > 0 && n <= senders[0].Seq; n++ {
		if n > s.evicted.Load() {
			all = append(all, n)
		}
	}
	return all
}

// A sync that fails, once or always, at the log or at a checkpoint: nothing is
// acknowledged any more, the process says so and ends, and what was
// acknowledged is there.
func TestSyncFails(t *testing.T) {
	for i, when := range []string{"2", "9", "23", "2+", "11+"} {
		if i >= rounds(3) {
			break
		}
		t.Run(when, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			closedHistoryOf(t, path)
			run := runChild(t, straced(t, "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+when), nil, "checkpoint", path, "1", "3000")
			if run.code != 1 || !strings.Contains(run.stderr, "nothing is acknowledged any more") {
				t.Fatalf("exit code %d, stderr %q", run.code, run.stderr)
			}
			if last := run.lines[len(run.lines)-1]; last != "failed" {
				t.Fatalf("after the failure it says %q", last)
			}
			checkStored(t, path, run.acked, migrations())
		})
	}
}

func closedHistoryOf(t *testing.T, path string) {
	t.Helper()
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A write that finds no room, at many points, for a while: it heals.
func TestWriteFindsNoRoom(t *testing.T) {
	for i := range rounds(4) {
		n := 9 + 17*i
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			closedHistoryOf(t, path)
			run := runChild(t, straced(t, "-o", "/dev/null", "-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:error=ENOSPC:when=%d..%d", n, n+5)), nil, "checkpoint", path, "1", "1200")
			if run.code != 0 || run.lines[len(run.lines)-1] != "done" {
				t.Fatalf("exit code %d, stderr %q, last line %q", run.code, run.stderr, run.lines[len(run.lines)-1])
			}
			if len(run.acked) < 1200 {
				t.Fatalf("%d acknowledged", len(run.acked))
			}
			checkStored(t, path, run.acked, migrations())
		})
	}
}

// smallDisk mounts a disk of 24 MiB for the time of a test.
func smallDisk(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		need(t, "only root on Linux can mount a disk small enough to fill")
	}
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", disk).CombinedOutput(); err != nil {
		need(t, fmt.Sprintf("no small disk can be mounted here: %s", out))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	return disk
}

// A disk that is full already when the history is opened, closed in peace
// before: it is opened, read, says so, and heals when there is room.
func TestDiskFullAtOpening(t *testing.T) {
	disk := smallDisk(t)
	path, ballast := filepath.Join(disk, "history.db"), filepath.Join(disk, "ballast")
	s := openTest(t, path, Options{})
	if err := s.Append(t.Context(), []stream.Arrival{historytest.Hello("a", 1, 1)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ballast, make([]byte, 64<<20), 0o600); err == nil {
		t.Fatal("the disk is larger than it was made")
	}
	s = openTest(t, path, Options{retryEvery: 10 * time.Millisecond})
	// Not deferred: what waits for room ends with the test's context, which a defer
	// comes before.
	t.Cleanup(func() { _ = s.Close() })
	if page, err := s.Messages(t.Context(), history.Query{Limit: 10}); err != nil || len(page.Messages) != 1 {
		t.Errorf("page while full: %+v, %v", page, err)
	}
	var batch []stream.Arrival
	for i := range 10_000 {
		batch = append(batch, historytest.Hello("a", uint64(i+2), i))
	}
	done := make(chan error, 1)
	go func() { done <- s.Append(t.Context(), batch) }()
	await(t, func() bool {
		st, err := s.Stats(t.Context())
		return err == nil && strings.Contains(st.Degraded, "disk is full")
	})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Stored != 10_001 || st.Degraded != "" {
		t.Errorf("healed: %+v, %v", st, err)
	}
}

// A disk that is really full: it says so, withholds nothing, acknowledges
// nothing, goes on to be read, and heals when there is room.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	fullAndHealed(t, filepath.Join(disk, "history.db"), func() {
		// All of the disk, then a little less.
		if err := os.WriteFile(filepath.Join(disk, "ballast"), make([]byte, 64<<20), 0o600); err == nil {
			t.Fatal("the disk is larger than it was made")
		}
		info, err := os.Stat(filepath.Join(disk, "ballast"))
		if err == nil {
			err = os.Truncate(filepath.Join(disk, "ballast"), info.Size()-1<<20)
		}
		if err != nil {
			t.Fatal(err)
		}
	}, func() {
		if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
			t.Error(err)
		}
	})
}

// The same where no disk can be mounted, by SQLite's own limit of pages: an Append
// that is given up has acknowledged nothing and lost nothing; the next one
// stores both.
func TestFull(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{retryEvery: 10 * time.Millisecond})
	n, _, err := s.writer.Integer(t.Context(), "PRAGMA page_count")
	if err != nil {
		t.Fatal(err)
	}
	limit(t, s, n+20)
	var acked []uint64
	send := func(ctx context.Context, from, to uint64) error {
		var batch []stream.Arrival
		for seq := from; seq <= to; seq++ {
			a := historytest.Hello("a", seq, int(seq))
			a.Ack = func() { acked = append(acked, seq) }
			batch = append(batch, a)
		}
		return s.Append(ctx, batch)
	}
	if err := send(t.Context(), 1, 100); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	given := make(chan error, 1)
	go func() { given <- send(ctx, 101, 2000) }()
	await(t, func() bool { st, err := s.Stats(t.Context()); return err != nil || st.Degraded != "" })
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Fatalf("no room: %v", err)
	}
	st, err := s.Stats(t.Context())
	if err != nil || len(acked) != 100 || st.Stored != 100 || st.LastID != 100 || !strings.Contains(st.Degraded, "disk is full") {
		t.Fatalf("%d acknowledged, %+v, %v", len(acked), st, err)
	}
	if page, err := s.Messages(t.Context(), history.Query{Limit: 1}); err != nil || page.Messages[0].ID != 100 {
		t.Errorf("newest page while full: %+v, %v", page, err)
	}
	limit(t, s, 1<<30)
	if err := send(t.Context(), 2001, 2010); err != nil {
		t.Fatal(err)
	}
	for i, seq := range acked {
		if seq != uint64(i+1) {
			t.Fatalf("acknowledgement %d is of %d", i, seq)
		}
	}
	st, err = s.Stats(t.Context())
	if err != nil || len(acked) != 2010 || st.Stored != 2010 || st.Missed != 0 || st.Degraded != "" {
		t.Errorf("%d acknowledged, %+v, %v", len(acked), st, err)
	}
}

func limit(t *testing.T, s *Store, pages int64) {
	t.Helper()
	if err := s.writer.Script(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Error(err)
	}
}

// fullAndHealed fills a disk, sends messages until there is no room for them,
// and makes room again.
func fullAndHealed(t *testing.T, path string, fill, heal func()) {
	s, err := Open(t.Context(), path, Options{retryEvery: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill()
	in := make(chan stream.Arrival, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, in) }()
	const n = 40_000
	acks := make(chan uint64, n)
	go func() {
		for i := range n {
			a := historytest.Hello("a", uint64(i+1), i)
			a.Ack = func() { acks <- uint64(i + 1) }
			select {
			case in <- a:
			case <-ctx.Done():
				return
			}
		}
	}()
	await(t, func() bool {
		st, err := s.Stats(t.Context())
		if err != nil {
			t.Fatalf("while the disk is full, it must be readable: %v", err)
		}
		return strings.Contains(st.Degraded, "disk is full")
	})
	acked := len(acks)
	st, err := s.Stats(t.Context())
	if err != nil || int(st.Stored) != acked || int(st.LastID) != acked {
		t.Errorf("acknowledged %d, stats %+v, %v", acked, st, err)
	}
	if page, err := s.Messages(t.Context(), history.Query{Limit: 1}); err != nil || acked > 0 && page.Messages[0].ID != int64(acked) {
		t.Errorf("newest page while full: %+v, %v", page, err)
	}
	heal()
	for want := uint64(1); want <= uint64(min(n, acked+2000)); want++ {
		select {
		case got := <-acks:
			if got != want {
				t.Fatalf("acknowledged %d, want %d", got, want)
			}
		case err := <-done:
			t.Fatalf("ended: %v", err)
		case <-time.After(time.Minute):
			t.Fatalf("it does not heal: %d acknowledged", want-1)
		}
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Missed != 0 {
		t.Errorf("healed: %+v, %v", st, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func await(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not happen")
		}
	}
}
