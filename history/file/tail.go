package file

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
)

// tailInterval is how often a file that a Writer has open is looked at for more.
const tailInterval = 100 * time.Millisecond

// A tail reads a file to its end, which is where it ends once no Writer has it open.
type tail struct {
	ctx     context.Context //nolint:containedctx // io.Reader has no parameter for it
	f       *os.File
	at      int64
	pipe    bool   // f is no regular file: its end is told by reading
	caught  func() // called each time all that there is was read; may be nil
	waiting bool
}

// Read implements io.Reader. After ctx's end it returns its error.
func (t *tail) Read(p []byte) (int, error) {
	for {
		if err := t.ctx.Err(); err != nil {
			return 0, err
		}
		// Asked before the read: what is written between the two is read.
		more := t.waiting && growing(t.f)
		n, err := t.read(p)
		switch {
		case n > 0:
			t.waiting = false
			return n, nil
		case !errors.Is(err, io.EOF):
			return 0, err
		case t.pipe || t.waiting && !more:
			return 0, io.EOF
		}
		if t.caught != nil {
			t.caught()
		}
		if !t.waiting {
			t.waiting = true
			continue
		}
		pause := time.NewTimer(tailInterval)
		select {
		case <-pause.C:
		case <-t.ctx.Done():
		}
		pause.Stop()
	}
}

func (t *tail) read(p []byte) (n int, err error) {
	if t.pipe {
		return t.f.Read(p)
	}
	n, err = t.f.ReadAt(p, t.at)
	t.at += int64(n)
	if n == 0 && errors.Is(err, io.EOF) {
		if info, statErr := t.f.Stat(); statErr == nil && info.Size() < t.at {
			return 0, fmt.Errorf("the file became shorter while it was read")
		}
	}
	return n, err
}

// A frame is a place in the file at which decoding can begin, and how many bytes of
// the recording are before it.
type frame struct{ file, bytes int64 }

// frameDistance is how far two frames that are remembered are apart at least.
const frameDistance = 256 << 10

// A data reads the bytes of a recording, decompressed.
type data struct {
	in     io.Reader
	zstd   *zstd.Decoder // nil: the file is not compressed
	walker *frameWalker
	bytes  int64 // read so far
	frames []frame
}

// openData returns the bytes of the recording that from holds.
func openData(from io.Reader) (*data, error) {
	in := bufio.NewReaderSize(from, 64<<10)
	d := &data{in: in}
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(magic) < 4 || binary.LittleEndian.Uint32(magic) != zstdMagic {
		return d, nil
	}
	d.walker = &frameWalker{from: in, onFrame: d.begin}
	if d.zstd, err = newDecoder(d.walker); err != nil {
		return nil, err
	}
	return d, nil
}

// begin remembers a frame.
func (d *data) begin(at int64) {
	if n := len(d.frames); n == 0 || d.bytes-d.frames[n-1].bytes >= frameDistance {
		d.frames = append(d.frames, frame{at, d.bytes})
	}
}

// Read implements io.Reader. The end of a file that was cut off is io.EOF.
func (d *data) Read(p []byte) (n int, err error) {
	if d.zstd == nil {
		n, err = d.in.Read(p)
	} else if n, err = d.zstd.Read(p); errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	d.bytes += int64(n)
	return n, err
}

// torn reports whether the file ends within compressed data.
func (d *data) torn() bool { return d.walker != nil && d.walker.torn() }

func (d *data) close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}
