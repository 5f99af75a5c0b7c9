package export

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hellox/history"
	"hellox/stream"
)

const pageSize = 500 // messages read at once

// A Format is how a file is written.
type Format struct {
	MediaType string
	Extension string // of the file's name
	begin     func(io.Writer) file
}

// Formats are the formats by their names.
var Formats = map[string]Format{
	"ndjson":      {"application/x-ndjson", "ndjson", func(w io.Writer) file { return &ndjsonFile{w: w} }},
	"csv":         {"text/csv; charset=utf-8", "csv", func(w io.Writer) file { return newCSV(w, false) }},
	"spreadsheet": {"text/csv; charset=utf-8", "csv", func(w io.Writer) file { return newCSV(w, true) }},
}

// Write writes the messages of page, which q has selected, and those after it up to
// the message last, in the format. It calls more before each page.
func Write(ctx context.Context, store history.Store, q history.Query, page history.Page, last int64, format Format, w io.Writer, more func() error) error {
	out := format.begin(w)
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

type csvFile struct {
	w     *csv.Writer
	texts bool // no cell is a formula to a spreadsheet
}

func newCSV(w io.Writer, texts bool) *csvFile {
	f := &csvFile{csv.NewWriter(w), texts}
	columns := csvColumns
	if texts {
		columns = append(slices.Clone(columns), "quoted")
	}
	_ = f.w.Write(columns) // flush has the error
	return f
}

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
	cells := []string{
		strconv.FormatInt(m.ID, 10), stream.FormatTime(m.Received), m.Sender, m.Topic, strconv.Itoa(int(m.QoS)), strconv.FormatBool(m.Retained),
		csvMillis(m.Delta), csvMillis(m.DeltaAny), csvMillis(latency), m.Boot, number(m.Seq), number(m.Missed), m.Text, payload, hex,
	}
	if f.texts {
		cells = append(cells, quoteFormulas(cells))
	}
	if err := f.w.Write(cells); err != nil {
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

// aNumber is what begins as a formula does and is none.
var aNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

// quoteFormulas puts a ' before the cells that a spreadsheet would take for formulas
// (OWASP, CSV injection), so that it shows them as texts. It returns the names of their
// columns, with spaces: without their first ' they are what they were.
func quoteFormulas(cells []string) string {
	var quoted []string
	for i, cell := range cells {
		first, _ := utf8.DecodeRuneInString(cell)
		if strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) && !aNumber.MatchString(cell) {
			cells[i] = "'" + cell
			quoted = append(quoted, csvColumns[i])
		}
	}
	return strings.Join(quoted, " ")
}

// csvMillis writes a duration in milliseconds; none is an empty cell.
func csvMillis(d time.Duration) string {
	if d == stream.None {
		return ""
	}
	return strconv.FormatFloat(stream.Millis(d), 'f', -1, 64)
}
