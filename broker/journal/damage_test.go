package journal

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/sqlitefile"
)

// filled makes a store with messages for a session and a retained one, and
// returns the bytes of its file.
func filled(t *testing.T) []byte {
	t.Helper()
	folder := t.TempDir()
	j := testJournal(t, folder)
	q := j.NewQueue(keeper(1), "", 0, true)
	j.Save(keeper(1), nil)
	to := NewGroup([]*Queue{q})
	for i := range 300 {
		w := testWaiter{make(chan uint64, 1)}
		seq, err := j.Append(&Message{Topic: "t", Payload: fmt.Appendf(nil, "message %d %s", i, strings.Repeat("x", 200)), QoS: 1}, to, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		if j.Await(w, seq) {
			<-w.released
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j.ended = nil // for the test's end
	image, err := os.ReadFile(filepath.Join(folder, "broker.db"))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// A flipped bit anywhere in a stored journal: every message that is fetched is
// what was stored, one that is not is told of, and the broker goes on; or the
// file is refused.
func TestFlippedBitsInTheJournal(t *testing.T) {
	image := filled(t)
	refused, told := 0, 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		flipped := slices.Clone(image)
		flipped[random.IntN(len(flipped))] ^= 1 << random.IntN(8)
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "broker.db"), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		got, err := fetchAll(t, folder, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			refused++
			continue
		}
		for _, m := range got {
			var n int
			if _, err := fmt.Sscanf(string(m.Payload), "message %d ", &n); err != nil || string(m.Payload) != fmt.Sprintf("message %d %s", n, strings.Repeat("x", 200)) {
				t.Errorf("%d: not what was stored: %q", seed, m.Payload)
			}
		}
		if len(got) < 300 {
			told++
			if !strings.Contains(said.String(), "damaged on the disk") {
				t.Errorf("%d: %d of 300 are there, and the log says %q", seed, len(got), &said)
			}
		}
	}
	t.Logf("%d were refused, %d told of lost messages", refused, told)
	if told == 0 {
		t.Error("no flipped bit damaged a message")
	}
}

// fetchAll opens the store and returns all that its session waits for.
func fetchAll(t *testing.T, folder string, log *slog.Logger) (got []*Message, err error) {
	t.Helper()
	j, err := Open(Options{Folder: folder, Limit: MinLimit, Retained: func(string) *Message { return nil }, Recovered: func() {}, Log: log,
		Metrics: Metrics{Bytes: prometheus.NewGauge(prometheus.GaugeOpts{}), Degraded: prometheus.NewGauge(prometheus.GaugeOpts{}), Commits: prometheus.NewHistogram(prometheus.HistogramOpts{})}})
	if err != nil {
		return nil, err
	}
	defer j.Close()
	var q *Queue
	load := func(r SessionRow) *Queue {
		q = j.NewQueue(keeper(r.Number), "", r.Cursor, true)
		return q
	}
	if err := j.Load(load, func(*Message) {}); err != nil || q == nil {
		return nil, err
	}
	for read := uint64(0); ; {
		messages, upTo, err := j.Fetch(q, read)
		if err != nil || upTo == 0 {
			return got, err
		}
		got, read = append(got, messages...), upTo
	}
}

// A store of version 1, which had no checksums of rows, is still read.
func TestStoreOfVersionOne(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broker.db"), filled(t), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := sqlitefile.Dial(t.Context(), filepath.Join(folder, "broker.db"), "")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Script(t.Context(), "ALTER TABLE batch DROP COLUMN crc; ALTER TABLE batch DROP COLUMN first; ALTER TABLE session DROP COLUMN crc; PRAGMA user_version=1;")
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := fetchAll(t, folder, slog.New(slog.DiscardHandler)); err != nil || len(got) != 300 {
			t.Errorf("%d messages, %v", len(got), err)
		}
	}
}

// A file that SQLite cannot read says what to do; an empty one says that it was.
func TestUnreadableFile(t *testing.T) {
	for name, c := range map[string]struct {
		file, log string
	}{
		"foreign": {strings.Repeat("not a database. ", 600), ""},
		"empty":   {"", "the store's file is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "broker.db"), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			_, err := fetchAll(t, folder, slog.New(slog.NewTextHandler(&said, nil)))
			hinted, _ := errors.AsType[*damagedFileError](err)
			if (hinted != nil) != (c.log == "") || !strings.Contains(said.String(), c.log) {
				t.Errorf("the error is %v, and the log says %q", err, &said)
			}
		})
	}
}
