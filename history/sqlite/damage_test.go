package sqlite

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
	"time"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/stream"
)

// A whole history is a closed history, and every message of it.
type wholeHistory struct {
	image    []byte
	messages []stream.Message // by ID, from 1
	senders  []string
}

func newWholeHistory(t *testing.T) (h wholeHistory) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	s := openTest(t, path, Options{})
	w := historytest.NewWriter(rand.New(rand.NewPCG(1, 1)))
	w.Senders = 4
	long := historytest.Foreign("long", strings.Repeat("0123456789", 2000), 1)
	historytest.AppendAll(t, s, append(w.Batch(400), long)...)
	historytest.AppendAll(t, s, w.Batch(400)...)
	page, err := s.Messages(t.Context(), history.Query{Limit: history.MaxLimit})
	if err != nil || len(page.Messages) != 801 {
		t.Fatal(err, len(page.Messages))
	}
	h.messages = page.Messages
	for _, m := range h.messages {
		if !slices.Contains(h.senders, m.Sender) {
			h.senders = append(h.senders, m.Sender)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if h.image, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return h
}

// open opens a file of these bytes; nil if they are refused, which is one
// sentence with a hint.
func (h *wholeHistory) open(t *testing.T, image []byte, o Options) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	write(t, path, image)
	s, err := Open(t.Context(), path, o)
	if err == nil {
		return s
	}
	var refused *FileError
	if !errors.As(err, &refused) || refused.Hint() == "" || strings.Count(err.Error(), "damaged") > 1 || strings.Count(err.Error(), path) != 1 {
		t.Errorf("refused with %q", err)
	}
	return nil
}

// missing reads everything and returns the IDs of the messages that are not
// shown. What is shown must be what was stored, in order, whichever way it is
// read.
func (h *wholeHistory) missing(t *testing.T, s *Store) []int64 {
	t.Helper()
	var missing []int64
	read := func(q history.Query) []int64 {
		page, err := s.Messages(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		for _, m := range page.Messages {
			if m.ID < 1 || m.ID > int64(len(h.messages)) || string(m.AppendJSON(nil)) != string(h.messages[m.ID-1].AppendJSON(nil)) {
				t.Fatalf("%+v: not what was stored: %s", q, m.AppendJSON(nil))
			}
		}
		return historytest.IDs(page.Messages)
	}
	got := read(history.Query{FromStart: true, Limit: history.MaxLimit})
	for i := range h.messages {
		if id := h.messages[i].ID; !slices.Contains(got, id) {
			missing = append(missing, id)
		}
	}
	for _, sender := range h.senders {
		var want []int64
		for _, m := range h.messages {
			if m.Sender == sender && !slices.Contains(missing, m.ID) {
				want = append(want, m.ID)
			}
		}
		for _, start := range []history.Query{{FromStart: true}, {}} {
			start.Sender, start.Limit = sender, 50
			if all := historytest.PageAll(t, s, start); !slices.Equal(all, want) {
				t.Fatalf("%s, forward %v: %v, want %v", sender, start.Forward(), all, want)
			}
		}
	}
	return missing
}

// flips is how many files a test damages: few of them in a short run, or
// HELLOX_FAULT_ROUNDS.
func flips(n int) int {
	if testing.Short() {
		n /= 5
	}
	return max(n, rounds(0))
}

// A flipped bit or byte anywhere in a stored history damages the message that it
// is in, or the messages of one series; all others are shown as they were and
// the next one gets an ID of its own. Or the file is refused.
func TestFlippedBits(t *testing.T) {
	h := newWholeHistory(t)
	n := flips(100)
	refused, damaged := 0, 0
	for seed := range uint64(n) {
		random := rand.New(rand.NewPCG(seed, 2))
		image := slices.Clone(h.image)
		at := random.IntN(len(image))
		if random.IntN(4) == 0 {
			at = random.IntN(12 * pageSize) // the small tables
		}
		if image[at] ^= 1 << random.IntN(8); random.IntN(4) == 0 {
			image[at] = byte(random.IntN(256))
		}
		ok := t.Run(fmt.Sprintf("%d at %d", seed, at), func(t *testing.T) {
			var log bytes.Buffer
			now := historytest.Epoch
			s := h.open(t, image, Options{Log: slog.New(slog.NewTextHandler(&log, nil)), warmRows: int64(1 + seed%2*1000),
				KeepFor: time.Hour, now: func() time.Time { return now }})
			if s == nil {
				refused++
				return
			}
			missing := h.missing(t, s)
			if len(missing) > 0 {
				damaged++
			}
			one := len(missing) <= 1
			if !one { // all of one series
				first := h.messages[missing[0]-1]
				for _, m := range h.messages {
					if (m.Topic == first.Topic) != slices.Contains(missing, m.ID) {
						t.Fatalf("missing are %v", missing)
					}
				}
			}
			for _, id := range missing {
				var damage *history.DamagedError
				if _, err := s.Message(t.Context(), id); !errors.As(err, &damage) || damage.ID != id {
					t.Fatalf("message %d: %v", id, err)
				}
				if one && !strings.Contains(log.String(), fmt.Sprintf("id=%d", id)) {
					t.Errorf("the log does not name message %d: %s", id, &log)
				}
			}
			if st, err := s.Stats(t.Context()); err != nil || int(st.Damaged) < len(missing) {
				t.Errorf("%d missing, %d damaged, %v", len(missing), st.Damaged, err)
			}
			historytest.AppendAll(t, s, historytest.Hello("new", 1, 5000))
			page, err := s.Messages(t.Context(), history.Query{Limit: 1})
			if err != nil || page.Messages[0].ID != 802 {
				t.Errorf("the next message: %v %+v", err, page)
			}
			now = now.Add(2 * time.Hour)
			evictAll(t, s)
			if st, err := s.Stats(t.Context()); err != nil || st.Evicted < 802 || st.Damaged != 0 {
				t.Errorf("all evicted: %+v, %v", st, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if !ok {
			return
		}
	}
	if refused == 0 || damaged == 0 {
		t.Errorf("%d of %d were refused, %d had a damaged message", refused, n, damaged)
	}
	t.Logf("%d of %d were refused, %d had a damaged message", refused, n, damaged)
}

// In a file that is too large to be checked as a whole a damaged structure is met
// where it is read: that page fails, and nothing wrong is shown.
func TestFlippedBitsUnchecked(t *testing.T) {
	h := newWholeHistory(t)
	for seed := range uint64(flips(40)) {
		random := rand.New(rand.NewPCG(seed, 5))
		image := slices.Clone(h.image)
		for range 1 + random.IntN(20) {
			image[100+random.IntN(len(image)-100)] ^= 1 << random.IntN(8)
		}
		s := h.open(t, image, Options{unchecked: true})
		if s == nil {
			continue
		}
		for _, q := range []history.Query{{FromStart: true}, {}, {Select: history.Select{Sender: h.senders[0]}}, {FromStart: true, Select: history.Select{Sender: h.senders[1]}}} {
			q.Limit = history.MaxLimit
			page, err := s.Messages(t.Context(), q)
			if err != nil && !strings.Contains(err.Error(), "is damaged") {
				t.Errorf("%d: %v", seed, err)
			}
			for i, m := range page.Messages {
				if m.ID < 1 || m.ID > int64(len(h.messages)) || string(m.AppendJSON(nil)) != string(h.messages[m.ID-1].AppendJSON(nil)) {
					t.Errorf("%d: not what was stored: %s", seed, m.AppendJSON(nil))
				}
				if i > 0 && m.ID <= page.Messages[i-1].ID {
					t.Errorf("%d: %+v message %d after %d in %v", seed, q, m.ID, page.Messages[i-1].ID, historytest.IDs(page.Messages))
				}
			}
		}
		_ = s.Close() // may fail: the structure is damaged
	}
}

// A flipped byte in the write-ahead log costs the messages behind it, which is
// told; what is shown is what was stored, and no ID is given twice.
func TestFlippedBytesInTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s := openTest(t, path, Options{})
	w := historytest.NewWriter(rand.New(rand.NewPCG(3, 3)))
	for range 60 {
		historytest.AppendAll(t, s, w.Batch(5)...)
	}
	page, err := s.Messages(t.Context(), history.Query{Limit: history.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	h := wholeHistory{messages: page.Messages}
	crash(t, s)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(flips(20)) {
		random := rand.New(rand.NewPCG(seed, 4))
		flipped := slices.Clone(log)
		at := random.IntN(len(flipped))
		if seed == 0 {
			at = 17 // the header
		}
		flipped[at] ^= byte(1 + random.IntN(255))
		ok := t.Run(fmt.Sprintf("%d at %d", seed, at), func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "history.db")
			write(t, copied, file)
			write(t, copied+"-wal", flipped)
			var said bytes.Buffer
			s := openTest(t, copied, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
			missing := h.missing(t, s)
			if n := len(missing); n > 0 && missing[0] != int64(len(h.messages)-n+1) {
				t.Errorf("missing are %v", missing)
			}
			if len(missing) > 0 && !strings.Contains(said.String(), "write-ahead log") {
				t.Errorf("%d are missing, and the log says %q", len(missing), &said)
			}
			historytest.AppendAll(t, s, historytest.Hello("new", 1, 5000))
			page, err := s.Messages(t.Context(), history.Query{Limit: 1})
			if err != nil || page.Messages[0].ID <= int64(len(h.messages)) {
				t.Errorf("the next message: %v %+v", err, page)
			}
		})
		if !ok {
			return
		}
	}
}

// An empty file is a history that begins, which is told.
func TestEmptyFileIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	write(t, path, nil)
	write(t, path+"-wal", nil) // as an ended process may leave it
	var said bytes.Buffer
	openTest(t, path, Options{Log: slog.New(slog.NewTextHandler(&said, nil))})
	if !strings.Contains(said.String(), "begins at id 1") {
		t.Errorf("the log says %q", &said)
	}
}

func TestEmptyFileBesideALog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	write(t, path, nil)
	write(t, path+"-wal", []byte("messages"))
	_, err := Open(t.Context(), path, Options{})
	if err == nil || !strings.Contains(err.Error(), "it is empty, but its history.db-wal is still there") {
		t.Errorf("the error is %v", err)
	}
}
