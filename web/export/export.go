package export

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"hellox/history"
	"hellox/stream"
)

const pageSize = 500 // messages read at once

// Formats are the names of the formats and their media types.
var Formats = map[string]string{"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}

// Write writes the messages of page, which q has selected, and those after it up to
// the message last, in the format. It calls more before each page.
func Write(ctx context.Context, store history.Store, q history.Query, page history.Page, last int64, format string, w io.Writer, more func() error) error {
	out := writers[format](w)
	for {
		if err := more(); err != nil {
			return fmt.Errorf("export: %w", err)
		}
		for i := range page.Messages {
			if page.Messages[i].ID > last {
				return out.flush()
			}
			if err := out.message(&page.Messages[i]); err != nil {
				return err
			}
		}
		if page.Next == 0 || page.Next >= last {
			return out.flush()
		}
		q.After, q.FromStart = page.Next, false
		var err error
		if page, err = store.Messages(ctx, q); err != nil {
			return fmt.Errorf("read messages: %w", err)
		}
	}
}

// First returns the query of the first page of all messages; its caller selects.
func First() history.Query { return history.Query{FromStart: true, Limit: pageSize} }

// A file is one of messages that is being written.
type file interface {
	message(m *stream.Message) error
	flush() error
}

var writers = map[string]func(io.Writer) file{
	"ndjson": func(w io.Writer) file { return &ndjsonFile{w: w} },
	"csv": func(w io.Writer) file {
		f := &csvFile{csv.NewWriter(w)}
		_ = f.w.Write(csvColumns) // flush has the error
		return f
	},
}

type ndjsonFile struct {
	w    io.Writer
	line []byte
}

func (f *ndjsonFile) message(m *stream.Message) error {
	f.line = append(m.AppendJSON(f.line[:0]), '\n')
	if _, err := f.w.Write(f.line); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (f *ndjsonFile) flush() error { return nil }

type csvFile struct{ w *csv.Writer }

var csvColumns = []string{"id", "received", "sender", "topic", "qos", "retained", "delta_ms", "delta_any_ms", "latency_ms", "boot", "seq", "missed", "text", "payload", "payload_hex"}

func (f *csvFile) message(m *stream.Message) error {
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	latency := m.Latency
	if !m.Ours {
		latency = stream.None
	}
	payload, hex := string(m.Payload), ""
	if !utf8.Valid(m.Payload) {
		payload, hex = "", fmt.Sprintf("%x", m.Payload)
	}
	err := f.w.Write([]string{
		strconv.FormatInt(m.ID, 10), stream.FormatTime(m.Received), m.Sender, m.Topic, strconv.Itoa(int(m.QoS)), strconv.FormatBool(m.Retained),
		csvMillis(m.Delta), csvMillis(m.DeltaAny), csvMillis(latency), m.Boot, number(m.Seq), number(m.Missed), m.Text, payload, hex,
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (f *csvFile) flush() error {
	f.w.Flush()
	if err := f.w.Error(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// csvMillis writes a duration in milliseconds; none is an empty cell.
func csvMillis(d time.Duration) string {
	if d == stream.None {
		return ""
	}
	return strconv.FormatFloat(stream.Millis(d), 'f', -1, 64)
}
