package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sort"

	"hellox/stream"
)

// A segment is a run of lines that is read as one.
type segment struct {
	at, size    int64 // in the bytes of the recording
	first, last int64 // IDs
	shift       int64 // added to the IDs that are written
	from, to    int64 // the earliest and the latest Received, in ns since 1970
}

// How large a segment becomes: enough for a page of short messages; where frames have
// to be decoded from their begin, half a frame.
const (
	plainSegment = 64 << 10
	zstdSegment  = 512 << 10
)

// An index finds segments. It is only appended to, but for its last segment, so that
// a copy stays right.
type index struct {
	segments []segment
	frames   []frame // of a compressed file
	limit    int64   // size of a segment
}

// add takes note of a message.
func (x *index) add(p place, m *stream.Message) {
	ns := m.Received.UnixNano()
	if n := len(x.segments); n > 0 {
		if s := &x.segments[n-1]; s.shift == p.shift && p.at+p.size-s.at <= x.limit {
			s.size, s.last = p.at+p.size-s.at, m.ID
			s.from, s.to = min(s.from, ns), max(s.to, ns)
			return
		}
	}
	x.segments = append(x.segments, segment{p.at, p.size, m.ID, m.ID, p.shift, ns, ns})
}

// after returns the index of the first segment that holds an ID above id.
func (x *index) after(id int64) int {
	return sort.Search(len(x.segments), func(i int) bool { return x.segments[i].last > id })
}

// read reads the messages of a segment.
func (x *index) read(ctx context.Context, f *os.File, s segment) ([]*stream.Message, error) {
	raw := make([]byte, s.size)
	if err := x.bytes(ctx, f, s.at, raw); err != nil {
		return nil, fmt.Errorf("read message %d of the recording: %w", s.first, err)
	}
	var all []*stream.Message
	for line := range bytes.Lines(raw) {
		m := new(stream.Message)
		if _, is, _ := parseHeader(line); is || parseMessage(bytes.TrimSuffix(line, []byte("\n")), m) != nil {
			continue // it was told when the file was read first
		}
		m.ID += s.shift
		all = append(all, m)
	}
	return all, nil
}

// bytes fills p with the bytes of the recording from at on.
func (x *index) bytes(ctx context.Context, f *os.File, at int64, p []byte) error {
	if len(x.frames) == 0 {
		_, err := f.ReadAt(p, at)
		return err
	}
	i := sort.Search(len(x.frames), func(i int) bool { return x.frames[i].bytes > at }) - 1
	if i < 0 {
		return io.ErrUnexpectedEOF
	}
	d, err := newDecoder(contextReader{ctx, io.NewSectionReader(f, x.frames[i].file, 1<<62)})
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := io.CopyN(io.Discard, onlyReader{d}, at-x.frames[i].bytes); err != nil {
		return err
	}
	_, err = io.ReadFull(d, p)
	return err
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context //nolint:containedctx // io.Reader has no parameter for it
	io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
