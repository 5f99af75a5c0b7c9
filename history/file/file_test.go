package file_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"hellox/history"
	"hellox/history/file"
	"hellox/history/historytest"
	"hellox/history/memory"
	"hellox/stream"
)

// names are those of a recording of either kind.
var names = []string{"run.ndjson", "run.ndjson.zst"}

func options() file.Options { return file.Options{Version: "v1", Source: "mqtt://host:1883"} }

// random returns events of n random messages, as a store hands them out.
func random(t *testing.T, n int) []history.Event {
	t.Helper()
	m := memory.New(0)
	defer m.Close()
	w := historytest.NewWriter(rand.New(rand.NewPCG(1, uint64(n))))
	for left := n; left > 0; left -= 100 {
		historytest.AppendAll(t, m, w.Batch(min(left, 100))...)
	}
	return eventsOf(t, m)
}

func eventsOf(t *testing.T, s history.Store) (events []history.Event) {
	t.Helper()
	for q := (history.Query{FromStart: true, Limit: history.MaxLimit}); ; {
		page, err := s.Messages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Messages {
			events = append(events, history.Event{Message: &page.Messages[i]})
		}
		if page.Next == 0 {
			return events
		}
		q = history.Query{After: page.Next, Limit: history.MaxLimit}
	}
}

// record writes events in batches of size and ends the recording.
func record(t *testing.T, path string, o file.Options, events []history.Event, size int) {
	t.Helper()
	w, err := file.Create(path, o)
	if err != nil {
		t.Fatal(err)
	}
	for len(events) > 0 {
		n := min(size, len(events))
		if err := w.Write(events[:n]); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// follow reads a recording to its end.
func follow(t *testing.T, path string) (got []stream.Message, f *file.Follower) {
	t.Helper()
	f, err := file.Follow(t.Context(), path, history.Select{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		events, err := f.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return got, f
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			got = append(got, *e.Message)
		}
	}
}

func open(t *testing.T, path string) *file.Store {
	t.Helper()
	s, err := file.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func messages(events []history.Event) (all []stream.Message) {
	for _, e := range events {
		all = append(all, *e.Message)
	}
	return all
}

// What is written is read, in the same order, with the same bytes.
func TestRoundTrip(t *testing.T) {
	events := random(t, 1000)
	for i, payload := range [][]byte{{}, {0xff, 0, 1}, []byte("\x1b[2J\u2028\r\n"), bytes.Repeat([]byte("long "), 60_000), []byte(`{"recording":1}`)} {
		m := *events[0].Message
		m.ID, m.Payload, m.Topic, m.Sender, m.Ours, m.Text, m.Color, m.Boot, m.Seq, m.Latency, m.Missed = 2000+int64(i), payload, "t\n/ü", "t\n/ü", false, "", "", "", 0, stream.None, 0
		events = append(events, history.Event{Message: &m})
	}
	want := messages(events)
	for _, name := range names {
		for _, size := range []int{1, 7, 1005} {
			path := filepath.Join(t.TempDir(), name)
			record(t, path, options(), events, size)
			got, f := follow(t, path)
			for i := range got { // nil and empty are one
				if len(got[i].Payload) == 0 {
					got[i].Payload = want[i].Payload
				}
			}
			if len(got) != len(want) {
				t.Fatalf("%s in batches of %d: %d of %d messages", name, size, len(got), len(want))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) { // cmp takes seconds for the long one
					t.Fatalf("%s in batches of %d: %.300s\nwas written, read is %.300s", name, size, want[i].AppendJSON(nil), got[i].AppendJSON(nil))
				}
			}
			if h := f.Header(); h.Version != "v1" || h.Source != "mqtt://host:1883" || time.Since(h.Start) > time.Minute || f.Damage() != (file.Damage{}) {
				t.Errorf("header %+v, damage %+v", h, f.Damage())
			}
			if stored := messages(eventsOf(t, open(t, path))); len(stored) != len(want) {
				t.Errorf("the store holds %d of %d messages", len(stored), len(want))
			}
		}
	}
}

// Each line is one JSON object, the first one the header, and zstd of another program
// reads a compressed file.
func TestLinesAreJSON(t *testing.T) {
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		record(t, path, options(), random(t, 300), 10)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".zst") {
			d, _ := zstd.NewReader(nil)
			if raw, err = d.DecodeAll(raw, nil); err != nil {
				t.Fatal(err)
			}
		}
		lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
		if len(lines) != 301 {
			t.Fatalf("%s has %d lines, want 301", name, len(lines))
		}
		for i, line := range lines {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			if _, is := v["recording"]; is != (i == 0) {
				t.Errorf("line %d: %s", i+1, line)
			}
		}
	}
}

// The pages of a recording are those of the store that it was recorded from, whatever
// is asked.
func TestPagesAreTheModels(t *testing.T) {
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		record(t, path, options(), random(t, 900), 50)
		s := open(t, path)
		var model historytest.Model
		model.Update(t, s)
		w := historytest.NewWriter(rand.New(rand.NewPCG(3, 4)))
		w.N = 900
		for range map[string]int{names[0]: 40, names[1]: 8}[name] { // a page of the second decodes half a frame
			model.CheckPages(t, w.Query(t), func(q history.Query) history.Page {
				page, err := s.Messages(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				return page
			}, func() {})
		}
		for _, id := range []int64{1, 450, 900} {
			if m, err := s.Message(t.Context(), id); err != nil || m.ID != id {
				t.Errorf("message %d: %d, %v", id, m.ID, err)
			}
		}
		if _, err := s.Message(t.Context(), 901); !errors.Is(err, history.ErrNotFound) {
			t.Errorf("message 901: %v", err)
		}
	}
}

// A time bounds pages, forward and backward.
func TestPagesOfATime(t *testing.T) {
	events := random(t, 3000)
	from, to := events[1000].Message.Received, events[2000].Message.Received
	path := filepath.Join(t.TempDir(), "run.ndjson")
	record(t, path, options(), events, 100)
	s := open(t, path)
	for _, q := range []history.Query{{FromStart: true, Since: from, Until: to, Limit: 100}, {Since: from, Until: to, Limit: 100}} {
		ids := historytest.PageAll(t, s, q)
		if len(ids) != 1000 || ids[0] != 1001 && ids[0] != 1901 {
			t.Errorf("%d messages, from %v", len(ids), ids[:min(len(ids), 3)])
		}
	}
}

// Senders, topics and totals are those of the store that was recorded; a recording has
// ended, and its senders are as they were then.
func TestSendersAndTotals(t *testing.T) {
	m := memory.New(0)
	defer m.Close()
	m.SetLink(stream.Link{State: stream.Connected, Since: historytest.Epoch})
	historytest.AppendAll(t, m, historytest.Hello("a", 1, 0), historytest.Hello("a", 4, 1000), historytest.Hello("a", 3, 1500), historytest.Foreign("other/c", "1", 1600))
	path := filepath.Join(t.TempDir(), "run.ndjson")
	record(t, path, options(), eventsOf(t, m), 100)
	s := open(t, path)
	got, _ := s.Senders(t.Context())
	want, _ := m.Senders(t.Context())
	if len(got) != 2 || got[0].Messages != 3 || got[0].Missed != want[0].Missed || got[0].Missed != 1 || got[0].Reordered != 1 || got[0].State == stream.Silent {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	st, _ := s.Stats(t.Context())
	if st.Received != 4 || st.Stored != 4 || st.Missed != 1 || st.FirstID != 1 || st.LastID != 4 || st.Link.State != stream.Ended || st.Evicted != 0 {
		t.Errorf("%+v", st)
	}
	if topics, _ := s.Topics(t.Context()); len(topics) != 2 || topics[0].Messages != 3 {
		t.Errorf("%+v", topics)
	}
}

// A file that ends anywhere, as one of a killed process may, gives every message whose
// line is whole, and says that there was another one.
func TestCutOff(t *testing.T) {
	events := random(t, 60)
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		record(t, path, options(), events, 3)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cut := filepath.Join(t.TempDir(), name)
		torn := 0
		for n := len(whole) - 1; n > len(whole)*3/4; n -= 1 + n%97 {
			if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			got, f := follow(t, cut)
			for i := range got {
				if diff := cmp.Diff(*events[i].Message, got[i]); diff != "" {
					t.Fatalf("%s cut at %d:\n%s", name, n, diff)
				}
			}
			if name == names[0] {
				lines := bytes.Count(whole[:n+1], []byte("\n")) - 1 // also one that only lacks its end
				if len(got) != lines || f.Damage().Torn != (whole[n-1] != '\n' && whole[n] != '\n') {
					t.Fatalf("cut at %d: %d of %d messages, %+v", n, len(got), lines, f.Damage())
				}
			}
			if f.Damage().Torn {
				torn++
			}
			checkAppended(t, cut, len(got), events)
		}
		if torn == 0 {
			t.Errorf("%s: no cut was told", name)
		}
	}
}

// checkAppended records once more to a file that was cut off after n messages.
func checkAppended(t *testing.T, path string, n int, events []history.Event) {
	t.Helper()
	record(t, path, options(), events[:5], 5)
	got, f := follow(t, path)
	if len(got) != n+5 || f.Damage().Torn || f.Damage().Lines > 1 {
		t.Fatalf("%d messages after %d and 5 more, %v", len(got), n, f.Damage())
	}
	for i := 1; i < len(got); i++ {
		if got[i].ID <= got[i-1].ID {
			t.Fatalf("message %d follows %d", got[i].ID, got[i-1].ID)
		}
	}
	s := open(t, path)
	for _, m := range []stream.Message{got[0], got[n], got[len(got)-1]} {
		stored, err := s.Message(t.Context(), m.ID)
		if err != nil || !bytes.Equal(stored.Payload, m.Payload) {
			t.Fatalf("message %d: %v", m.ID, err)
		}
	}
}

// What is not a recording is neither read nor written to.
func TestNotARecording(t *testing.T) {
	for name, content := range map[string]string{"a.txt": "some text\n", "b.json": `{"id":"x"}`, "c.bin": "\x00\x01\x02", "d": "", "e": "\n\n", "f.zst": "\x28\xb5\x2f\xfd", "g": "{\"level\":\"info\"}\n{\"id\":1}\n"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Open(t.Context(), path, nil); !errors.Is(err, file.ErrNotRecording) {
			t.Errorf("open %s: %v", name, err)
		}
		f, err := file.Follow(t.Context(), path, history.Select{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Next(t.Context()); !errors.Is(err, file.ErrNotRecording) {
			t.Errorf("follow %s: %v", name, err)
		}
		f.Close()
		if content == "" {
			continue
		}
		if _, err := file.Create(path, options()); !errors.Is(err, file.ErrNotRecording) {
			t.Errorf("create %s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != content {
			t.Errorf("%s became %q", name, now)
		}
	}
	if _, err := file.Create(t.TempDir(), options()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("create a folder: %v", err)
	}
	newer := filepath.Join(t.TempDir(), "newer")
	if err := os.WriteFile(newer, []byte(`{"recording":2,"version":"v9"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(t.Context(), newer, nil); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("open a newer one: %v", err)
	}
}

// A line that is no message is passed over and counted.
func TestDamagedLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ndjson")
	events := random(t, 10)
	record(t, path, options(), events, 10)
	raw, _ := os.ReadFile(path)
	lines := bytes.SplitAfter(raw, []byte("\n"))
	lines[4] = []byte("{\"id\":4,\"to\n")
	lines[7] = []byte(strings.Repeat("x", 200_000) + "\n")
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	got, f := follow(t, path)
	if len(got) != 8 || f.Damage() != (file.Damage{Lines: 2, First: 5}) || !strings.Contains(f.Damage().String(), "line 5") {
		t.Errorf("%d messages, %q", len(got), f.Damage())
	}
	s := open(t, path)
	if ids := historytest.PageAll(t, s, history.Query{FromStart: true}); len(ids) != 8 || s.Damage().Lines != 2 {
		t.Errorf("%v, %+v", ids, s.Damage())
	}
}

// A file that is still written is followed, and ends with its writer.
func TestGrowing(t *testing.T) {
	events := random(t, 40)
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		w, err := file.Create(path, options())
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(events[:10]); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Create(path, options()); !errors.Is(err, file.ErrInUse) {
			t.Errorf("a second writer: %v", err)
		}
		s := open(t, path)
		if st, _ := s.Stats(t.Context()); st.Link.State != stream.Connected || st.LastID != 10 {
			t.Errorf("%s: %+v", name, st)
		}
		lines, err := file.Follow(t.Context(), path, history.Select{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		defer lines.Close()
		for _, f := range []history.Follower{s.Follow(history.Follow{After: 0}), lines} {
			ids, _ := historytest.Collect(t, f, 10)
			if ids[0] != 1 || ids[9] != 10 {
				t.Errorf("%s: %v", name, ids)
			}
		}
		later := s.Follow(history.Follow{After: history.Now})
		for i := 10; i < 40; i += 10 {
			if err := w.Write(events[i : i+10]); err != nil {
				t.Fatal(err)
			}
			for _, f := range []history.Follower{later, lines} {
				if ids, _ := historytest.Collect(t, f, 10); ids[9] != int64(i+10) {
					t.Errorf("%s: %v after %d", name, ids, i)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := lines.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the end is %v", name, err)
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			if st, _ := s.Stats(t.Context()); st.Link.State == stream.Ended {
				break
			} else if time.Now().After(end) {
				t.Fatalf("%s is still followed", name)
			}
		}
	}
}

// A reader that waits ends with its context.
func TestFollowEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ndjson")
	w, err := file.Create(path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	f, err := file.Follow(t.Context(), path, history.Select{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Files beyond the size are numbered, the oldest goes, and together they hold every
// message that is left once.
func TestRotation(t *testing.T) {
	events := random(t, 2000)
	for _, name := range names {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		o := options()
		o.MaxSize, o.Files = 40_000, 3
		if strings.HasSuffix(name, ".zst") {
			o.MaxSize = 8_000
		}
		record(t, path, o, events, 20)
		entries, _ := os.ReadDir(dir)
		if len(entries) != 3 {
			t.Fatalf("%s: %v", name, entries)
		}
		var all []int64
		for _, n := range []string{"run.2.ndjson", "run.1.ndjson", "run.ndjson"} {
			file := filepath.Join(dir, strings.Replace(name, "run.ndjson", n, 1))
			info, err := os.Stat(file)
			if err != nil || info.Size() > o.MaxSize*3/2 {
				t.Fatalf("%s: %v, %d bytes", n, err, info.Size())
			}
			got, _ := follow(t, file)
			all = append(all, historytest.IDs(got)...)
		}
		if n := len(all); n < 100 || all[n-1] != 2000 || !cmp.Equal(all, historytest.Between(2001-int64(n), 2000)) {
			t.Errorf("%s: %d messages are left, to %d", name, len(all), all[len(all)-1])
		}
	}
}
