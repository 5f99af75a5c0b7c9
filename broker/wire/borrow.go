package wire

import (
	"bufio"
	"io"
	"sync"
)

// Buffers are lent to the Readers of connections by which packets come: most connections
// wait at most times.
type Buffers struct{ free sync.Pool }

// Reader returns a Reader of r that has a buffer only from the first byte of a packet
// until all that has come is read. Where it waits it reads a single byte: r must have a
// buffer of its own, as TLS and WebSockets do, or that would be a system call more.
func (b *Buffers) Reader(r io.Reader) *Reader {
	return &Reader{buffers: b, begun: begun{Reader: r}}
}

// waitWithout gives the empty buffer back and waits for a byte.
func (r *Reader) waitWithout() error {
	if r.r != nil {
		r.r.Reset(nil)
		r.buffers.free.Put(r.r)
		r.r = nil
	}
	return r.begun.wait()
}

// borrow returns when r has a buffer, which it gets when there is something to read.
func (r *Reader) borrow() error {
	if r.r != nil {
		return nil
	}
	if err := r.begun.wait(); err != nil {
		return err
	}
	if b, ok := r.buffers.free.Get().(*bufio.Reader); ok {
		r.r = b
		r.r.Reset(&r.begun)
	} else {
		r.r = bufio.NewReaderSize(&r.begun, bufferSize)
	}
	return nil
}

// A begun is a reader of which one byte may have been read already.
type begun struct {
	io.Reader
	first [1]byte
	is    bool // first was read, and is the next byte
}

// wait returns when the next byte has come.
func (b *begun) wait() error {
	if b.is {
		return nil
	}
	_, err := io.ReadFull(b.Reader, b.first[:])
	b.is = err == nil
	return err
}

// Read reads that byte first, alone: another one may not have come.
func (b *begun) Read(p []byte) (int, error) {
	if !b.is || len(p) == 0 {
		return b.Reader.Read(p)
	}
	p[0], b.is = b.first[0], false
	return 1, nil
}
