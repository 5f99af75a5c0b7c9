package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// TestFaultKill sends 200 messages a second for a minute while broker,
// receiver and broadcasters are killed (SIGKILL) at random, 30 times in all.
// Whatever the broker acknowledged to a broadcaster must be in the history
// exactly once, and nothing may be reported missed.
func TestFaultKill(t *testing.T) {
	long(t)
	r := newRig(t, t.TempDir(), t.TempDir())
	const kills = 30
	pause := time.Minute / kills
	for range kills {
		time.Sleep(time.Duration((0.5 + rand.Float64()) * float64(pause)))
		victim := r.all()[rand.IntN(len(r.all()))]
		victim.kill()
		victim.start()
	}
	r.check()
}

// long keeps a test of minutes out of the ordinary run.
func long(t *testing.T) {
	if os.Getenv("HELLOX_FAULTS") == "" {
		t.Skip("takes minutes: set HELLOX_FAULTS=1")
	}
}

// A rig is the three roles as processes, and the broadcasters' own logs of
// what was acknowledged to them.
type rig struct {
	t          testing.TB
	page       string
	broker     *process
	receive    *process
	broadcasts []*process
	ackLogs    []string
}

// newRig starts a broker with its store in brokerDir, a receiver with its
// history in historyDir, and 4 processes of 5 broadcasters each at 200
// messages a second in total.
func newRig(t testing.TB, brokerDir, historyDir string) *rig {
	t.Helper()
	dir := t.TempDir()
	mqtt, page := freeAddress(t), freeAddress(t)
	r := &rig{t: t, page: "http://" + page}
	r.broker = startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+mqtt, "--store", filepath.Join(brokerDir, "store"))
	r.receive = startProcess(t, dir, "receive", "receive", "--broker", "mqtt://"+mqtt,
		"--listen", page, "--history", "sqlite:"+filepath.Join(historyDir, "history.db"))
	// What is said before the receiver's session exists is said to nobody.
	until(t, "the receiver has subscribed", func() bool { return r.stats().Link.State == stream.Connected })
	for i := range 4 {
		ackLog := filepath.Join(dir, fmt.Sprintf("acks-%d", i))
		r.ackLogs = append(r.ackLogs, ackLog)
		r.broadcasts = append(r.broadcasts, startProcess(t, dir, fmt.Sprintf("broadcast-%d", i), "broadcast",
			"--broker", "mqtt://"+mqtt, "--id", fmt.Sprintf("press-%d", i), "--count", "5",
			"--min", "50ms", "--max", "150ms", "--ack-log", ackLog))
	}
	until(t, "messages arrive", func() bool { return r.stats().Stored > 0 })
	return r
}

func (r *rig) all() []*process {
	return append([]*process{r.broker, r.receive}, r.broadcasts...)
}

func (r *rig) stats() (s history.Stats) {
	get(r.page+"/api/stats", &s)
	return s
}

// check ends the broadcasters, waits until the receiver has everything, and
// compares what it kept with what was acknowledged.
func (r *rig) check() {
	r.t.Helper()
	r.goesOn()
	for _, b := range r.broadcasts {
		if err := b.term(); err != nil {
			r.t.Errorf("a broadcaster ended with: %v", err)
		}
	}
	acknowledged := r.acknowledged()
	var stored map[string]int
	lost, doubled := 0, 0
	// What is not there once nothing more has come for a minute is lost.
	for last, quiet := uint64(0), time.Now(); time.Since(quiet) < time.Minute; time.Sleep(100 * time.Millisecond) {
		kept := r.stats().Stored
		if kept != last {
			last, quiet = kept, time.Now()
		}
		if kept < uint64(len(acknowledged)) {
			continue
		}
		var err error
		if stored, err = r.stored(); err == nil && absent(acknowledged, stored) == 0 {
			break
		}
	}
	if stored == nil {
		var err error
		if stored, err = r.stored(); err != nil {
			r.t.Fatal(err)
		}
	}
	lost = absent(acknowledged, stored)
	for _, n := range stored {
		if n > 1 {
			doubled++
		}
	}
	stats := r.stats()
	r.t.Logf("acknowledged %d, stored %d, doubled %d, lost %d, missed %d, duplicates refused %d",
		len(acknowledged), len(stored), doubled, lost, stats.Missed, stats.Duplicates)
	if len(acknowledged) == 0 || lost > 0 || doubled > 0 || stats.Missed > 0 {
		r.t.Error("an acknowledged message was lost, doubled or reported missed, or there was none")
	}
}

// goesOn waits until every process of broadcasters was acknowledged something
// new: whatever was killed, the stream goes on by itself.
func (r *rig) goesOn() {
	r.t.Helper()
	for _, ackLog := range r.ackLogs {
		size := func() int64 {
			info, err := os.Stat(ackLog)
			if err != nil {
				r.t.Fatal(err)
			}
			return info.Size()
		}
		before := size()
		until(r.t, "something new is acknowledged in "+ackLog, func() bool { return size() > before })
	}
}

// absent counts what was acknowledged and is not stored.
func absent(acknowledged map[string]bool, stored map[string]int) (n int) {
	for key := range acknowledged {
		if stored[key] == 0 {
			n++
		}
	}
	return n
}

// acknowledged reads the acknowledgement logs: boot and sequence number.
func (r *rig) acknowledged() map[string]bool {
	r.t.Helper()
	keys := make(map[string]bool)
	for _, ackLog := range r.ackLogs {
		f, err := os.Open(ackLog)
		if err != nil {
			r.t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// A line that a kill cut short is no acknowledgement on record.
			if fields := strings.Fields(lines.Text()); len(fields) == 4 && fields[3] == "." {
				keys[fields[1]+" "+fields[2]] = true
			}
		}
	}
	return keys
}

// stored counts each boot and sequence number in the whole history.
func (r *rig) stored() (map[string]int, error) {
	keys := make(map[string]int)
	for after := int64(0); ; {
		var page struct {
			Messages []stream.Message `json:"messages"`
			Next     int64            `json:"next"`
		}
		if err := get(fmt.Sprintf("%s/api/messages?after=%d&limit=10000", r.page, after), &page); err != nil {
			return nil, err
		}
		for _, m := range page.Messages {
			keys[fmt.Sprint(m.Boot, " ", m.Seq)]++
		}
		if page.Next == 0 {
			return keys, nil
		}
		after = page.Next
	}
}
