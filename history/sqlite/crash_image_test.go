package sqlite

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Power loss without hardware: the system calls of a receiver at work are
// recorded by strace, and disks are built from them as a power loss at some
// call could have left them: what was synced is there; of what was written
// since, each write may be there, or not, or be torn at 512 bytes.

// A diskOp is one recorded system call that changes a disk, or an
// acknowledgement.
type diskOp struct {
	call string // pwrite64, ftruncate, sync, unlink or ack
	path string
	at   int64 // offset or size
	data []byte
	seq  uint64 // of an ack
}

func TestPowerLoss(t *testing.T) {
	for _, how := range []string{"append", "checkpoint"} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			path, trace := filepath.Join(dir, "history.db"), filepath.Join(dir, "trace")
			closedHistoryOf(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			run := runChild(t, straced(t, "-y", "-xx", "-s", "1000000", "-o", trace, "-e", "trace=pwrite64,ftruncate,fsync,fdatasync,unlink,unlinkat,write"),
				nil, how, path, "1", "1500")
			if run.code != 0 {
				t.Fatalf("exit code %d: %s", run.code, run.stderr)
			}
			ops := readTrace(t, trace)
			random := rand.New(rand.NewPCG(11, uint64(len(how))))
			images, withUnsynced := rounds(40), 0
			for i := range images {
				cut := 1 + random.IntN(len(ops))
				files, acked, unsynced := imageAt(ops[:cut], path, before, random)
				if unsynced > 0 {
					withUnsynced++
				}
				image := filepath.Join(dir, fmt.Sprintf("image-%d", i))
				if err := os.Mkdir(image, 0o700); err != nil {
					t.Fatal(err)
				}
				for name, content := range files {
					write(t, filepath.Join(image, filepath.Base(name)), content)
				}
				checkStored(t, filepath.Join(image, "history.db"), acked, migrations())
				if err := os.RemoveAll(image); err != nil {
					t.Fatal(err)
				}
			}
			if withUnsynced == 0 {
				t.Error("no image had unsynced writes to lose: nothing was tested")
			}
			t.Logf("%d images of %d calls, %d with unsynced writes: all open, nothing acknowledged missing", images, len(ops), withUnsynced)
		})
	}
}

// imageAt returns the files that a power loss after ops could leave, and what
// was acknowledged by then.
func imageAt(ops []diskOp, db string, before []byte, random *rand.Rand) (files map[string][]byte, acked []uint64, unsynced int) {
	files = map[string][]byte{db: append([]byte(nil), before...)}
	pending := map[string][]diskOp{}
	for _, op := range ops {
		switch op.call {
		case "ack":
			acked = append(acked, op.seq)
		case "sync":
			for _, done := range pending[op.path] {
				apply(files, done, nil)
			}
			delete(pending, op.path)
		default:
			pending[op.path] = append(pending[op.path], op)
		}
	}
	for _, list := range pending {
		for _, op := range list {
			unsynced++
			switch random.IntN(3) {
			case 0: // lost
			case 1:
				apply(files, op, nil)
			default:
				apply(files, op, random)
			}
		}
	}
	return files, acked, unsynced
}

// apply does what a call has done; with random, only some of its sectors.
func apply(files map[string][]byte, op diskOp, random *rand.Rand) {
	content := files[op.path]
	switch op.call {
	case "unlink":
		delete(files, op.path)
		return
	case "ftruncate":
		content = append(content, make([]byte, max(0, op.at-int64(len(content))))...)[:op.at]
	case "pwrite64":
		if end := op.at + int64(len(op.data)); end > int64(len(content)) {
			content = append(content, make([]byte, end-int64(len(content)))...)
		}
		for from := 0; from < len(op.data); from += 512 {
			if random == nil || random.IntN(2) == 0 {
				copy(content[op.at+int64(from):], op.data[from:min(from+512, len(op.data))])
			}
		}
	}
	files[op.path] = content
}

// readTrace reads what strace -f -y -xx has written, calls in the order of
// their ends.
func readTrace(t *testing.T, path string) (ops []diskOp) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	begun := map[string]string{} // by thread
	resumed := regexp.MustCompile(`^<\.\.\. \w+ resumed>`)
	call := regexp.MustCompile(`^(\w+)\((?:(\d+)<([^>]*)>)?(.*)\) += (-?\d+)`)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		pid, rest, _ := strings.Cut(lines.Text(), " ")
		rest = strings.TrimLeft(rest, " ")
		if head, ok := strings.CutSuffix(rest, " <unfinished ...>"); ok {
			begun[pid] = head
			continue
		}
		if at := resumed.FindStringIndex(rest); at != nil {
			rest = begun[pid] + rest[at[1]:]
			delete(begun, pid)
		}
		m := call.FindStringSubmatch(rest)
		if m == nil || strings.HasPrefix(m[5], "-") {
			continue // a signal, an exit, a call that failed
		}
		args := strings.Split(strings.TrimPrefix(m[4], ", "), ", ")
		op := diskOp{call: m[1], path: unhex(t, m[3])}
		switch m[1] {
		case "fsync", "fdatasync":
			op.call = "sync"
		case "ftruncate":
			op.at = number(t, args[0])
		case "pwrite64":
			op.data, op.at = []byte(unhex(t, args[0])), number(t, args[2])
		case "unlink":
			op.path = unhex(t, args[0])
		case "unlinkat":
			op.call, op.path = "unlink", unhex(t, args[len(args)-2])
		case "write":
			seq, ok := strings.CutPrefix(strings.TrimSpace(unhex(t, args[0])), "ack ")
			if m[2] != "1" || !ok {
				continue
			}
			op.call, op.seq = "ack", uint64(number(t, seq))
		}
		ops = append(ops, op)
	}
	if lines.Err() != nil || len(ops) == 0 {
		t.Fatalf("the trace holds %d calls: %v", len(ops), lines.Err())
	}
	return ops
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		t.Fatalf("trace: %v", err)
	}
	return n
}

// unhex reads strace's "\x41\x42", with or without the quotes.
func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Trim(s, `"`), `\x`, ""))
	if err != nil {
		t.Fatalf("trace: %q: %v", s, err)
	}
	return string(b)
}
