//go:build linux

package broker

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// TestPowerLoss records what a broker does to its disk, and makes images of
// what a loss of power could leave at any moment: all that was synced, and of
// the rest any part, in any order, torn within a sector's bounds. Each image
// opens, and has every message that had been acknowledged by then.
// HELLOX_IMAGES sets how many.
func TestPowerLoss(t *testing.T) {
	strace, err := exec.LookPath("strace")
	need(t, err, "recording a disk needs strace")
	trace := filepath.Join(t.TempDir(), "trace")
	p := newProcess(t, t.TempDir())
	p.env = []string{"HELLOX_TEST_BACKPRESSURE=receiver", "HELLOX_TEST_LIMIT=" + strconv.Itoa(journal.MinLimit)} // with a small log, checkpoints are frequent
	p.wrap = []string{strace, "-f", "-y", "-xx", "-s", "4000000", "-o", trace, "-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink"}
	p.start(t)
	awayAt(t, p.addr, "receiver", "x")
	reader := connect(t, p.addr, hello{id: "reader", keep: true}) // whose cursor moves, and whose messages go
	reader.subscribe(1, "read")
	pub := connect(t, p.addr, hello{id: "pub"})
	const messages = 200
	for n := range messages {
		pub.publish("x", strings.Repeat("x", n%3*700)+"|"+strconv.Itoa(n), 1, false)
		if n%3 == 0 {
			pub.send(pub.publishPacket("read", strings.Repeat("y", 3000), 0, false, 0))
			pub.send(pub.publishPacket("read", strings.Repeat("y", 3000), 1, false, 60000))
			pub.expect(packets.Puback)
			reader.take()
			reader.take()
		}
	}
	p.kill()

	calls := readTrace(t, trace)
	rnd := rand.New(rand.NewPCG(5, 6))
	syncs := 0
	for _, c := range calls {
		if c.name == "fsync" {
			syncs++
		}
	}
	acked := 0
	for range fromEnv(t, "HELLOX_IMAGES", 20) {
		at := rnd.IntN(len(calls))
		dir := t.TempDir()
		want := image(t, calls[:at], dir, rnd)
		acked += len(want)
		checkImage(t, dir, want, at)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d calls, %d syncs; %d acknowledgements looked for", len(calls), syncs, acked)
	if acked == 0 {
		t.Error("no image had anything acknowledged: the test shows nothing")
	}
}

// A call is a system call of the trace, in the order of its effect: a sync
// counts from its end on, everything else from its beginning.
type call struct {
	name   string
	path   string
	data   []byte
	offset int64 // of pwrite64; the length of ftruncate
}

var (
	callLine    = regexp.MustCompile(`^(\d+)\s+(\w+)\(\d+<([^>]*)>(?:, (.*?))?(\)\s+= (-?\d+)| <unfinished \.\.\.>)`)
	unlinkLine  = regexp.MustCompile(`^\d+\s+unlink\("([^"]*)"`)
	resumedLine = regexp.MustCompile(`^(\d+)\s+<\.\.\. (\w+) resumed>.*= (-?\d+)`)
)

func readTrace(t *testing.T, path string) []call {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var calls []call
	syncing := map[string]call{} // by thread
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := resumedLine.FindStringSubmatch(line); m != nil {
			if c, ok := syncing[m[1]]; ok && m[3] == "0" {
				calls = append(calls, c)
			}
			delete(syncing, m[1])
			continue
		}
		if m := unlinkLine.FindStringSubmatch(line); m != nil {
			calls = append(calls, call{name: "unlink", path: string(unhex(m[1]))})
			continue
		}
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		c := call{name: m[2], path: string(unhex(m[3]))}
		unfinished := m[6] == ""
		switch c.name {
		case "fsync", "fdatasync":
			c.name = "fsync"
			if unfinished {
				syncing[m[1]] = c
				continue
			}
		case "write":
			if !strings.HasPrefix(c.path, "socket:") {
				continue
			}
			c.data = unhex(argument(m[4], 0))
		case "pwrite64":
			c.data = unhex(argument(m[4], 0))
			c.offset, _ = strconv.ParseInt(argument(m[4], 2), 10, 64)
		case "ftruncate":
			c.offset, _ = strconv.ParseInt(argument(m[4], 0), 10, 64)
		}
		calls = append(calls, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return calls
}

func argument(list string, n int) string {
	parts := strings.Split(list, ", ")
	if n >= len(parts) {
		return ""
	}
	return strings.Trim(parts[n], `"`)
}

func unhex(s string) []byte {
	b, _ := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	return b
}

const sector = 512

// image writes into dir what a loss of power after calls could leave, and
// returns the packet ids that had been acknowledged to the publisher.
func image(t *testing.T, calls []call, dir string, rnd *rand.Rand) map[uint16]bool {
	t.Helper()
	files := map[string][]byte{}   // by name, as synced
	pending := map[string][]call{} // not synced
	acked := map[uint16]bool{}
	for _, c := range calls {
		name := filepath.Base(c.path)
		switch c.name {
		case "fsync":
			for _, w := range pending[name] {
				files[name] = w.apply(files[name])
			}
			delete(pending, name)
		case "unlink": // with the next sync of anything, on a file system that journals
			delete(files, name)
			delete(pending, name)
		case "write":
			for b := c.data; len(b) >= 4 && b[0] == packets.Puback<<4; b = b[4:] {
				acked[binary.BigEndian.Uint16(b[2:])] = true
			}
		default:
			if strings.HasPrefix(name, "broker.db") {
				pending[name] = append(pending[name], c)
			}
		}
	}
	for name, writes := range pending {
		rnd.Shuffle(len(writes), func(i, j int) { writes[i], writes[j] = writes[j], writes[i] })
		for _, w := range writes {
			switch rnd.IntN(3) {
			case 0: // lost
			case 1:
				files[name] = w.apply(files[name])
			case 2:
				if sectors := len(w.data) / sector; sectors > 0 {
					w.data = w.data[:sector*rnd.IntN(sectors+1)]
				}
				files[name] = w.apply(files[name])
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return acked
}

func (c call) apply(file []byte) []byte {
	if c.name == "ftruncate" {
		if c.offset <= int64(len(file)) {
			return file[:c.offset]
		}
		return append(file, make([]byte, c.offset-int64(len(file)))...)
	}
	if end := c.offset + int64(len(c.data)); end > int64(len(file)) {
		file = append(file, make([]byte, end-int64(len(file)))...)
	}
	copy(file[c.offset:], c.data)
	return file
}

// checkImage opens an image as a broker does and looks for what was
// acknowledged.
func checkImage(t *testing.T, dir string, want map[uint16]bool, at int) {
	t.Helper()
	m, err := newMetrics(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(journal.Options{
		Folder: dir, Metrics: journal.Metrics{Bytes: m.storeBytes, Degraded: m.isDegraded, Commits: m.commits},
	})
	if err != nil {
		t.Errorf("after %d calls: %v", at, err)
		return
	}
	var sessions []*session
	err = j.Load(func(r journal.SessionRow) *journal.Queue {
		s := newSession(r.ID, r.Owner, r.Number, j, nil)
		s.cursor, s.read, s.expiry, s.stored = r.Cursor, r.Cursor, r.Expiry, true
		s.backlog = j.NewQueue(s, "", s.cursor, true)
		sessions = append(sessions, s)
		return s.backlog
	}, func(*journal.Message) {})
	got := map[int]bool{}
	for _, s := range sessions {
		for err == nil {
			var messages []*journal.Message
			var upTo uint64
			if messages, upTo, err = s.unread(); upTo == 0 {
				break
			}
			s.read = upTo
			for _, m := range messages {
				if _, number, ok := bytes.Cut(m.Payload, []byte("|")); ok && m.Topic == "x" {
					n, _ := strconv.Atoi(string(number))
					got[n] = true
				}
			}
		}
	}
	if err = errors.Join(err, j.Close()); err != nil {
		t.Errorf("after %d calls: %v", at, err)
	}
	for id := range want {
		// The publisher numbers its packets from 1, its messages from 0.
		if id != 60000 && !got[int(id)-1] {
			t.Errorf("after %d calls: message %d was acknowledged and is missing", at, id-1)
		}
	}
	quickCheck(t, dir, at)
}

// quickCheck has SQLite look at all of an image.
func quickCheck(t *testing.T, dir string, at int) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "broker.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(t.Context(), "PRAGMA quick_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("after %d calls: quick_check %q, %v", at, verdict, err)
	}
}
