package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// A Follower is a history.Follower of a recording, from its begin. It holds no
// messages. A file need not be a regular one: a named pipe is read as it comes.
type Follower struct {
	f      *os.File
	from   *tail
	reader *reader
	sel    history.Select
	since  time.Time
	events []history.Event
	ended  error
	close  sync.Once
}

var _ history.Follower = (*Follower)(nil)

// The most that Next returns at once.
const (
	followEvents = 256
	followBytes  = 1 << 20
)

// Follow returns a Follower of the recording at path: of the messages selected that
// were received at or after since.
func Follow(ctx context.Context, path string, sel history.Select, since time.Time) (*Follower, error) {
	f, info, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	follower := &Follower{f: f, sel: sel, since: since}
	follower.from = &tail{ctx: ctx, f: f, pipe: !info.Mode().IsRegular()}
	d, err := openData(follower.from)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("read %s: %w", path, withoutPath(err))
	}
	follower.reader = newReader(d)
	return follower, nil
}

// open opens a file to read it. A named pipe opens once it has a writer.
func open(ctx context.Context, path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, withoutPath(err))
	}
	type opened struct {
		f   *os.File
		err error
	}
	done := make(chan opened)
	go func() {
		f, err := os.Open(path)
		select {
		case done <- opened{f, err}:
		case <-ctx.Done():
			_ = f.Close()
		}
	}()
	select {
	case o := <-done:
		if o.err != nil {
			return nil, nil, fmt.Errorf("open %s: %w", path, withoutPath(o.err))
		}
		return o.f, info, nil
	case <-ctx.Done(): // the open of a pipe cannot be ended
		return nil, nil, ctx.Err()
	}
}

// withoutPath returns the cause of an error that names a path, which is said already.
func withoutPath(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Next implements history.Follower. It returns io.EOF at the end of the recording,
// which is final, and follows a file that a Writer has open. The context that counts
// is that of Follow.
func (f *Follower) Next(ctx context.Context) ([]history.Event, error) {
	if f.ended != nil {
		return nil, f.ended
	}
	if f.from.pipe { // a read of it ends with its file alone
		stop := context.AfterFunc(ctx, func() { _ = f.f.Close() })
		defer stop()
	}
	f.from.ctx = ctx
	clear(f.events)
	f.events = f.events[:0]
	for size := 0; ; {
		m := new(stream.Message)
		_, err := f.reader.next(m)
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			if f.ended = err; len(f.events) > 0 {
				return f.events, nil
			}
			return nil, err
		}
		if since(m, f.since) && f.sel.Match(m) {
			f.events = append(f.events, history.Event{Message: m})
			size += len(m.Payload)
		}
		full := len(f.events) == followEvents || size >= followBytes
		if len(f.events) > 0 && (full || f.reader.drained()) {
			return f.events, nil
		}
	}
}

// drained reports whether no further line has been read, so that the next one may have
// to be waited for.
func (r *reader) drained() bool { return r.lines.Buffered() == 0 }

// Header returns the first line of the recording, once Next has returned.
func (f *Follower) Header() Header { return f.reader.header }

// Damage returns what could not be read so far.
func (f *Follower) Damage() Damage { return f.reader.damage }

// Close closes the file.
func (f *Follower) Close() (err error) {
	f.close.Do(func() {
		f.reader.data.close()
		err = f.f.Close()
	})
	return err
}
