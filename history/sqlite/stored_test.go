package sqlite_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/history"
	"hellox/history/sqlite"
	"hellox/stream"
)

// TestStoredHistory opens the file that commit 08394b7 wrote: every message is
// what that commit's API answered, the senders are known, and the next message
// gets the next ID.
func TestStoredHistory(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "history-v1.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	lines, err := os.ReadFile(filepath.Join("testdata", "history-v1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	for line := range bytes.Lines(lines) {
		want = append(want, object(t, line))
	}
	page, err := store.Messages(t.Context(), history.Query{FromStart: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for _, m := range page.Messages {
		line, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, object(t, line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read from the stored file:\n%s", diff)
	}
	senders, err := store.Senders(t.Context())
	if err != nil || len(senders) != 4 {
		t.Errorf("%d senders, want 4: %v", len(senders), err)
	}
	arrival := stream.Arrival{Topic: "hello_world/publish", Payload: []byte("next"), QoS: 1, Received: time.Now(), Ack: func() {}}
	if err := store.Append(t.Context(), []stream.Arrival{arrival}); err != nil {
		t.Fatal(err)
	}
	last, err := store.Messages(t.Context(), history.Query{Limit: 1})
	if err != nil || len(last.Messages) != 1 || last.Messages[0].ID != int64(len(want)+1) {
		t.Errorf("after %d messages the next one is %+v: %v", len(want), last.Messages, err)
	}
}

func object(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(line, &o); err != nil {
		t.Fatal(err)
	}
	return o
}
