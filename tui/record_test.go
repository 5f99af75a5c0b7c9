package tui

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"hellox/history/file"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/tui/source"
)

// The key begins a recording and ends it; the header says where and how much.
func TestRecordKey(t *testing.T) {
	store := memory.New(0)
	defer store.Close()
	path := filepath.Join(t.TempDir(), "run.ndjson")
	r := &source.Recorder{Open: func() (*file.Writer, error) { return file.Create(path, file.Options{}) }}
	s := open(t, store, termenv.Ascii, 120, 24, func(o *Options) { o.Recorder = r })
	s.shows("r record to a file")
	say := func(text string) {
		t.Helper()
		if err := store.Append(t.Context(), []stream.Arrival{{Topic: "t", Payload: []byte(text), Received: time.Now(), Ack: func() {}}}); err != nil {
			t.Fatal(err)
		}
	}
	say("before")
	s.send(s.m.shared.src.ToggleRecording()())
	s.shows("● rec ", "recording to ", "r end the recording")
	say("recorded")
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if st, _ := s.m.shared.src.Recording(); st.Messages == 1 {
			break
		} else if time.Now().After(end) {
			t.Fatal("nothing is recorded")
		}
	}
	s.send(s.m.shared.src.ToggleRecording()())
	s.shows("✓ recorded 1 message", "r record to a file")
	say("after")
	got, err := os.ReadFile(path)
	if err != nil || strings.Count(string(got), "\n") != 2 || !strings.Contains(string(got), `"payload":"recorded"`) {
		t.Errorf("%v\n%s", err, got)
	}

	r.Open = func() (*file.Writer, error) { return nil, errors.New("record to x: no space left on device") }
	s.send(s.m.shared.src.ToggleRecording()())
	s.shows("✗ record to x: no space left on device")
}

// A recording is shown as one: at its own time, without the keys to send and to
// record.
func TestRecordedStream(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ndjson")
	lines := `{"recording":1,"version":"v1","source":"s","start":"2026-01-01T12:00:00Z"}
{"id":1,"topic":"t","payload":"long ago","qos":0,"retained":false,"received":"2026-01-01T12:00:00Z","sender":"t"}
`
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := file.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := open(t, store, termenv.Ascii, 120, 24, func(o *Options) { o.Recorded, o.StreamNow = true, store.Now })
	s.shows("■ recording", "long ago", "1.0/min")
	if text := s.m.View(); strings.Contains(text, "p publish") || strings.Contains(text, "r record") {
		t.Error(text)
	}
}
