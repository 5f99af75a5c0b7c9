package file_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/file"
	"hellox/stream"
)

// broadcasts are n messages of ten broadcasters, a second apart.
func broadcasts(n int) []history.Event {
	events := make([]history.Event, n)
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for i := range events {
		h := stream.Hello{Text: "Hello world", Sender: "broadcast-" + string(rune('0'+i%10)), Boot: "01K3XW0000ABCDEFGHJKMNPQRS", Seq: uint64(i/10 + 1), Sent: at, Next: 4211 * time.Millisecond, Color: "#7fb069"}
		at = at.Add(time.Second)
		events[i].Message = &stream.Message{ID: int64(i + 1), Topic: "hello_world/broadcast/" + h.Sender, Payload: h.AppendJSON(nil), QoS: 1, Received: at, Sender: h.Sender,
			Delta: 10 * time.Second, DeltaAny: time.Second, Ours: true, Text: h.Text, Color: h.Color, Boot: h.Boot, Seq: h.Seq, Latency: 1100 * time.Microsecond}
	}
	return events
}

// BenchmarkOpen reads a recording of 100,000 messages as the terminal does.
func BenchmarkOpen(b *testing.B) {
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), name)
			w, err := file.Create(path, options())
			if err != nil {
				b.Fatal(err)
			}
			if err := w.Write(broadcasts(100_000)); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			info, _ := os.Stat(path)
			b.SetBytes(info.Size())
			for b.Loop() {
				s, err := file.Open(b.Context(), path, nil)
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
	}
}

// BenchmarkWrite writes batches of 100 messages.
func BenchmarkWrite(b *testing.B) {
	events := broadcasts(100)
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			w, err := file.Create(filepath.Join(b.TempDir(), name), options())
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			for b.Loop() {
				if err := w.Write(events); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
