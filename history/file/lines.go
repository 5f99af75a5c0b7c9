package file

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"hellox/stream"
)

// maxLine is the largest line that is read: a packet of 16 MiB whose bytes are all
// escaped. A longer one is no message.
const maxLine = 6*16<<20 + 1<<20

// Damage is what of a recording could not be read.
type Damage struct {
	Lines int   // that are no message
	First int64 // number of the first of them
	Torn  bool  // the file ends within a line: the last message was cut off
}

// String is a sentence about the damage, or "".
func (d Damage) String() string {
	switch {
	case d.Torn && d.Lines == 0:
		return "it ends within a line: the last message was cut off and is not shown"
	case d.Torn:
		return fmt.Sprintf("%s, and it ends within a line", d.lines())
	case d.Lines > 0:
		return d.lines()
	}
	return ""
}

func (d Damage) lines() string {
	if d.Lines == 1 {
		return fmt.Sprintf("line %d is no message and is not shown", d.First)
	}
	return fmt.Sprintf("%d lines are no messages and are not shown; the first is line %d", d.Lines, d.First)
}

// A reader reads the messages of a recording in order.
type reader struct {
	data   *data
	lines  *bufio.Reader
	header Header
	damage Damage

	line  int64  // number of the last line read
	at    int64  // where in data the next one begins
	long  []byte // a line that did not fit into the buffer
	last  int64  // ID of the last message
	shift int64  // added to the IDs of this part
	known bool   // the file is a recording
	part  bool   // a part has begun that has no message yet
}

func newReader(d *data) *reader { return &reader{data: d, lines: bufio.NewReaderSize(d, 64<<10)} }

// A place is where in data a message stands, and what is to be added to its ID.
type place struct{ at, size, shift int64 }

// next returns the next message. The error is io.EOF at the end, ErrNotRecording if
// the first line is none of a recording, or that of reading. m.Payload is its own.
func (r *reader) next(m *stream.Message) (place, error) {
	for {
		at := r.at
		line, err := r.readLine()
		switch {
		case err != nil && len(line) == 0 && !r.known && errors.Is(err, io.EOF):
			return place{}, ErrNotRecording // empty, or nothing but empty lines
		case errors.Is(err, io.EOF) && len(line) > 0 && r.known && parseMessage(line, m) == nil:
			r.number(m) // only the end of the line was cut off
			return place{at, r.at - at, r.shift}, nil
		case errors.Is(err, io.EOF):
			r.damage.Torn = len(line) > 0 || r.data.torn()
			if !r.known {
				err = ErrNotRecording
			}
			return place{}, err
		case err != nil:
			return place{}, err
		case len(line) == 0:
			continue
		}
		h, isHeader, err := parseHeader(line)
		switch {
		case err != nil:
			return place{}, err
		case isHeader:
			if !r.known {
				r.header = h
			}
			r.known, r.part = true, true
			continue
		case parseMessage(line, m) == nil:
			r.known = true
			r.number(m)
			return place{at, r.at - at, r.shift}, nil
		case !r.known:
			return place{}, ErrNotRecording
		}
		if r.damage.Lines++; r.damage.Lines == 1 {
			r.damage.First = r.line
		}
	}
}

// number makes the IDs of a part that begins anew, because another run of watch
// appended it, go on after those before it.
func (r *reader) number(m *stream.Message) {
	if r.part && m.ID <= r.last {
		r.shift = r.last
	} else if r.part {
		r.shift = 0
	}
	r.part = false
	m.ID += r.shift
	if m.ID <= r.last { // written by hand
		r.shift += r.last + 1 - m.ID
		m.ID = r.last + 1
	}
	r.last = m.ID
}

// readLine returns the next line without its end, and io.EOF with one that has none.
// It is valid until the next call. One beyond maxLine comes cut.
func (r *reader) readLine() ([]byte, error) {
	r.line++
	r.long = r.long[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		r.at += int64(len(part))
		if err == nil && len(r.long) == 0 {
			return part[:len(part)-1], nil
		}
		if len(r.long) < maxLine {
			r.long = append(r.long, part...)
		}
		switch {
		case err == nil:
			line := r.long[:len(r.long)-1]
			if cap(r.long) > 1<<20 { // one long line must not be paid for ever after
				r.long = nil
			}
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return r.long, err
		}
	}
}

// parseMessage parses a line that is one message.
func parseMessage(line []byte, m *stream.Message) error {
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	if err := m.UnmarshalJSON(line); err != nil {
		return err
	}
	if m.ID < 1 || m.Topic == "" || m.Received.IsZero() {
		return errors.New("a message has an ID, a topic and a time")
	}
	if m.Sender == "" {
		m.Sender = m.Topic
	}
	m.Received = m.Received.UTC()
	return nil
}

// since reports whether m was received at or after a time; the zero time is before all.
func since(m *stream.Message, t time.Time) bool { return t.IsZero() || !m.Received.Before(t) }
