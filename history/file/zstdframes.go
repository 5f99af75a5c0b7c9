package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest window of a zstd frame that is read: that of zstd --long.
const maxWindow = 128 << 20

// zstdMagic is what a zstd frame begins with.
const zstdMagic = 0xFD2FB528

// lastBlock is an empty block that ends a frame.
var lastBlock = [...]byte{1, 0, 0}

// newDecoder returns a decoder that reads no more than it needs for what it is asked
// for, in no goroutine of its own.
func newDecoder(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(1<<62))
}

// A frameWalker passes on the bytes of zstd frames (RFC 8878) and knows where in
// them it is.
type frameWalker struct {
	from    io.Reader
	onFrame func(at int64) // called at the begin of a frame, with its place; may be nil

	at     int64 // bytes passed on
	head   []byte
	body   int64 // bytes of the block, or of the skippable frame, that are to come
	last   bool  // the block is the frame's last
	inside bool  // of a frame
	sum    bool  // the frame ends with a checksum
	good   int64 // place up to which all blocks are whole
	buf    [18]byte
}

var errNoFrame = errors.New("no zstd frame begins there")

// Read implements io.Reader. At the end of from it returns io.EOF, whether or not a
// frame ends there: torn tells.
func (w *frameWalker) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(w.head) == 0 && w.body == 0 {
		w.good = w.at
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	if len(w.head) > 0 {
		n := copy(p, w.head)
		w.head = w.head[n:]
		w.at += int64(n)
		return n, nil
	}
	n, err := w.from.Read(p[:min(int64(len(p)), w.body)])
	w.body -= int64(n)
	w.at += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// torn reports whether from ended within a block or a head.
func (w *frameWalker) torn() bool { return w.at > w.good && (w.body > 0 || len(w.head) > 0) }

// next reads the head of the next block or frame.
func (w *frameWalker) next() error {
	if !w.inside {
		return w.frame()
	}
	if w.last {
		w.inside, w.last = false, false
		if w.sum {
			w.body = 4
			return nil
		}
		return w.frame()
	}
	if err := w.read(3); err != nil {
		return err
	}
	v := uint32(w.head[0]) | uint32(w.head[1])<<8 | uint32(w.head[2])<<16
	w.last = v&1 == 1
	w.body = int64(v >> 3)
	if v>>1&3 == 1 { // one byte, repeated
		w.body = 1
	}
	return nil
}

// frame reads the head of a frame.
func (w *frameWalker) frame() error {
	begin := w.at
	if err := w.read(4); err != nil {
		return err
	}
	magic := binary.LittleEndian.Uint32(w.head)
	if magic&^0xF == 0x184D2A50 { // skippable
		if err := w.read(4); err != nil {
			return err
		}
		w.body = int64(binary.LittleEndian.Uint32(w.head[4:]))
		return nil
	}
	if magic != zstdMagic {
		return fmt.Errorf("at byte %d: %w", begin, errNoFrame)
	}
	if err := w.read(1); err != nil {
		return err
	}
	descriptor := w.head[4]
	single := descriptor>>5&1 == 1
	n := []int{0, 1, 2, 4}[descriptor&3] + []int{0, 2, 4, 8}[descriptor>>6]
	switch {
	case !single:
		n++
	case descriptor>>6 == 0:
		n++
	}
	if err := w.read(n); err != nil {
		return err
	}
	w.inside, w.sum = true, descriptor>>2&1 == 1
	if w.onFrame != nil {
		w.onFrame(begin)
	}
	return nil
}

// read appends n bytes to the head. What of them is missing is an end.
func (w *frameWalker) read(n int) error {
	have := len(w.head)
	if have == 0 {
		w.head = w.buf[:0]
	}
	w.head = w.head[:have+n]
	if got, err := io.ReadFull(w.from, w.head[have:]); err != nil {
		w.head = nil
		if have+got > 0 {
			w.at += int64(have + got) // torn: past good
			w.body = 1
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return err
	}
	return nil
}
