package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"hellox/history"
)

// ErrInUse is the error of a file that another Writer has open.
var ErrInUse = errors.New("another hellox records to it")

// Options configure a Writer.
type Options struct {
	Version string // of this program
	Source  string // what is watched
	MaxSize int64  // bytes of a file at which the next one is begun; 0: 1 GiB
	Files   int    // how many files are kept, the one that is written included; 0: 8
	Now     func() time.Time
}

// The defaults of Options.
const (
	DefaultSize  = 1 << 30
	DefaultFiles = 8
)

const (
	frameSize    = 1 << 20 // of messages in a zstd frame
	syncInterval = time.Second
)

// A Writer writes a recording. Its first error is final: what is in the file then
// stays, and is a recording. Its methods may be called from any goroutine.
type Writer struct {
	path string
	o    Options

	mu       sync.Mutex
	f        *os.File
	zstd     *zstd.Encoder // nil: the file is not compressed
	size     int64         // of the file
	begun    int64         // size without any message
	frame    int           // bytes of messages in the frame
	messages uint64
	total    int64 // size of the files before
	synced   time.Time
	buf      []byte
	err      error
}

// Create begins a recording at path. To a file that is one already it is appended, as
// a part of its own; any other file is left as it is.
func Create(path string, o Options) (*Writer, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = DefaultSize
	}
	if o.Files <= 0 {
		o.Files = DefaultFiles
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	w := &Writer{path: path, o: o}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("record to %s: %w", path, withoutPath(err))
	}
	return w, nil
}

// open opens the file and writes its header.
func (w *Writer) open() error {
	// A pipe would block, a device would take everything: what is there is looked at first.
	if info, err := os.Stat(w.path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("it is %s: a recording is a regular file", kindOf(info.Mode()))
	}
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // as a redirection makes it
	if err != nil {
		return err
	}
	if err = lock(f); err == nil {
		err = w.begin(f)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	return nil
}

func kindOf(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&os.ModeNamedPipe != 0:
		return "a named pipe"
	case m&os.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}

// begin writes a header behind what is in f.
func (w *Writer) begin(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	compressed := strings.HasSuffix(w.path, ".zst")
	header, err := json.Marshal(Header{formatVersion, w.o.Version, w.o.Source, w.o.Now()})
	if err != nil {
		return err
	}
	header = append(header, '\n')
	size := info.Size()
	if size > 0 {
		if compressed, size, err = mend(f, size); err != nil {
			return err
		}
		// What is before may end within a line; a reader passes over an empty one.
		var last [1]byte
		if _, err := f.ReadAt(last[:], size-1); err != nil || compressed || last[0] != '\n' {
			header = append([]byte("\n"), header...)
		}
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	w.f, w.size, w.zstd, w.frame, w.err = f, size, nil, 0, nil
	if compressed {
		if w.zstd, err = zstd.NewWriter(counter{w}, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false),
			zstd.WithWindowSize(frameSize), zstd.WithLowerEncoderMem(true)); err != nil {
			return err
		}
	}
	if err := w.put(header); err != nil {
		return err
	}
	w.begun = w.size
	return nil
}

// mend makes f ready to be appended to, which must be a recording, and returns
// whether it is compressed and its size: a compressed one that was cut off ends with its
// last whole block.
func mend(f *os.File, size int64) (compressed bool, end int64, err error) {
	d, err := openData(io.NewSectionReader(f, 0, size))
	if err != nil {
		return false, 0, err
	}
	defer d.close()
	r := newReader(d)
	if err := firstLine(r); err != nil {
		return false, 0, err
	}
	if d.walker == nil {
		return false, size, nil
	}
	walk := &frameWalker{from: io.NewSectionReader(f, 0, size)}
	if _, err := io.Copy(io.Discard, onlyReader{walk}); err != nil {
		return true, 0, fmt.Errorf("it is damaged: %w", err)
	}
	end = size
	if walk.torn() {
		end = walk.good
	}
	if end < size {
		if err := f.Truncate(end); err != nil {
			return true, 0, err
		}
	}
	if walk.inside && !walk.last {
		if walk.sum {
			return true, 0, errors.New("it was cut off within a frame that another program compressed")
		}
		if _, err := f.WriteAt(lastBlock[:], end); err != nil {
			return true, 0, err
		}
		end += int64(len(lastBlock))
	}
	return true, end, nil
}

// onlyReader hides every other method.
type onlyReader struct{ io.Reader }

// firstLine checks that what r reads begins as a recording does.
func firstLine(r *reader) error {
	for {
		line, err := r.readLine()
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if _, is, err := parseHeader(line); err != nil || is {
			return err
		}
		return ErrNotRecording
	}
}

// counter writes to the file and counts.
type counter struct{ w *Writer }

func (c counter) Write(p []byte) (int, error) {
	n, err := c.w.f.Write(p)
	c.w.size += int64(n)
	return n, err
}

// put writes whole lines. When it fails the file ends where it did before.
func (w *Writer) put(lines []byte) error {
	before, inside := w.size, w.frame > 0 // of a frame
	err := w.compress(lines)
	if err == nil {
		return nil
	}
	if w.f.Truncate(before) == nil {
		w.size = before
		if inside { // best effort: a reader takes a frame without its end, too
			if _, err := w.f.WriteAt(lastBlock[:], before); err != nil {
				_ = w.f.Truncate(before) // but no part of it
			}
		}
	}
	return withoutPath(err)
}

func (w *Writer) compress(lines []byte) error {
	if w.zstd == nil {
		_, err := counter{w}.Write(lines)
		return err
	}
	if _, err := w.zstd.Write(lines); err != nil {
		return err
	}
	if w.frame += len(lines); w.frame < frameSize {
		return w.zstd.Flush()
	}
	if err := w.zstd.Close(); err != nil {
		return err
	}
	w.frame = 0
	w.zstd.Reset(counter{w})
	return nil
}

// Write appends the messages of events. What it returns, Err returns from then on.
func (w *Writer) Write(events []history.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.buf = w.buf[:0]
	n := uint64(0)
	for i := range events {
		e := &events[i]
		switch {
		case e.Message == nil:
			continue
		case e.JSON != nil:
			w.buf = append(w.buf, e.JSON...)
		default:
			w.buf = e.Message.AppendJSON(w.buf)
		}
		w.buf = append(w.buf, '\n')
		n++
	}
	if n == 0 {
		return nil
	}
	if w.size > w.begun && w.size+w.expected() > w.o.MaxSize {
		w.err = w.rotate()
	}
	if w.err == nil {
		if w.err = w.put(w.buf); w.err == nil {
			w.messages += n
			w.sync()
		}
	}
	if cap(w.buf) > 4<<20 {
		w.buf = nil
	}
	if w.err != nil {
		w.err = fmt.Errorf("record to %s: %w", w.path, w.err)
	}
	return w.err
}

// expected is how many bytes buf adds to the file, about.
func (w *Writer) expected() int64 {
	if w.zstd != nil {
		return int64(len(w.buf) / 8)
	}
	return int64(len(w.buf))
}

// sync makes what was written survive the machine, once a second at most.
func (w *Writer) sync() {
	if now := w.o.Now(); now.Sub(w.synced) >= syncInterval {
		w.synced = now
		_ = w.f.Sync() // a file system that cannot is no reason not to record
	}
}

// rotate gives the file the number 1, the older ones the next higher numbers, removes
// the oldest, and begins the next file.
func (w *Writer) rotate() error {
	w.total += w.size
	if err := w.end(); err != nil {
		return err
	}
	if err := os.Remove(numbered(w.path, w.o.Files-1)); err != nil && w.o.Files > 1 && !errors.Is(err, os.ErrNotExist) {
		return withoutPath(err)
	}
	for n := w.o.Files - 1; n > 0; n-- {
		err := os.Rename(numbered(w.path, n-1), numbered(w.path, n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("rename it: %w", err)
		}
	}
	return w.open()
}

// numbered returns the name of an older file: run.1.ndjson.zst of run.ndjson.zst.
// Number 0 is path itself.
func numbered(path string, n int) string {
	if n <= 0 {
		return path
	}
	name, zst := strings.CutSuffix(path, ".zst")
	ext := filepath.Ext(name)
	name = fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), n, ext)
	if zst {
		name += ".zst"
	}
	return name
}

// end ends the file as a whole one.
func (w *Writer) end() error {
	var err error
	if w.zstd != nil && w.frame > 0 {
		err = w.zstd.Close()
	}
	_ = w.f.Sync()
	return errors.Join(err, w.f.Close())
}

// Close ends the recording. It returns the error that Write has returned already.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return w.err
	}
	if w.err != nil {
		_ = w.f.Close()
	} else if err := w.end(); err != nil {
		w.err = fmt.Errorf("record to %s: %w", w.path, withoutPath(err))
	}
	w.f = nil
	return w.err
}

// A Status is how a recording stands.
type Status struct {
	Path     string
	Messages uint64
	Bytes    int64 // of all its files of this run
	Err      error // why it has ended
}

// Status returns how the recording stands.
func (w *Writer) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Status{w.path, w.messages, w.total + w.size, w.err}
}
