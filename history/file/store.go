package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"hellox/history"
	"hellox/history/live"
	"hellox/stream"
	"hellox/stream/track"
)

// A Store is a history.Store of a recording. In memory are an index (about 80 bytes
// for 64 KiB of the file), the senders and the topics. It is read whole once; what a
// Writer appends is read as it comes.
type Store struct {
	path  string
	f     *os.File
	state *live.State
	stop  context.CancelFunc
	done  chan struct{} // closed when the file has ended

	mu      sync.RWMutex
	index   index
	header  Header
	damage  Damage
	topics  history.TopicCounts
	oldest  time.Time
	newest  time.Time // Received of the message that came last
	size    int64     // bytes of the recording read
	growing bool
	err     error // why it was not read to its end
	closed  bool

	senders map[string]*track.Counters // of the reading goroutine
	totals  track.Totals
}

var _ history.Store = (*Store)(nil)

// Progress is told while a file is read for the first time: how many bytes of it.
type Progress func(read, size int64)

// Open reads the recording at path, and returns once it has come to the end of what
// is there. progress may be nil.
func Open(ctx context.Context, path string, progress Progress) (*Store, error) {
	f, info, err := open(ctx, path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, fmt.Errorf("open %s: it is %s, which has no pages", path, kindOf(info.Mode()))
	}
	s := &Store{path: path, f: f, done: make(chan struct{}), topics: history.TopicCounts{}, senders: map[string]*track.Counters{}}
	s.state = live.NewState(0, s.Now)
	// A recording was received: senders are judged by what is in it.
	s.state.SetLink(stream.Link{State: stream.Connected, Since: time.Unix(0, 0)})
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	caught := make(chan struct{})
	go s.run(reading, sync.OnceFunc(func() { close(caught) }))
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = s.Close()
			return nil, ctx.Err()
		case <-caught:
		case <-s.done:
		case <-every.C:
			if progress != nil {
				progress(s.read(), info.Size())
			}
			continue
		}
		s.mu.RLock()
		err := s.err
		s.mu.RUnlock()
		if err != nil {
			_ = s.Close()
			return nil, fmt.Errorf("read %s: %w", path, withoutPath(err))
		}
		return s, nil
	}
}

func (s *Store) read() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if n := len(s.index.frames); n > 0 {
		return s.index.frames[n-1].file
	}
	return s.size
}

// run reads the file to its end. caught is called when it has come to what was its end.
func (s *Store) run(ctx context.Context, caught func()) {
	defer close(s.done)
	err := s.scan(ctx, caught)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.growing = false
	if ctx.Err() == nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
}

// batchMessages is how many messages are taken in at once.
const batchMessages = 256

// scan reads the messages from the begin on.
func (s *Store) scan(ctx context.Context, caught func()) error {
	t := &tail{ctx: ctx, f: s.f}
	d, err := openData(t)
	if err != nil {
		return err
	}
	defer d.close()
	s.index.limit = plainSegment
	if d.zstd != nil {
		s.index.limit = zstdSegment
	}
	r := newReader(d)
	b := &batch{messages: make([]*stream.Message, 0, batchMessages)}
	t.caught = func() {
		s.take(r, b)
		s.mu.Lock()
		s.growing = growing(s.f)
		s.mu.Unlock()
		s.state.Tick(s.Now())
		if r.known {
			caught()
		}
	}
	for {
		m := new(stream.Message)
		p, err := r.next(m)
		if err != nil {
			s.take(r, b)
			return err
		}
		b.messages, b.places = append(b.messages, m), append(b.places, p)
		if b.size += len(m.Payload); len(b.messages) == batchMessages || b.size >= followBytes {
			s.take(r, b)
		}
	}
}

// A batch is what was read and is not yet taken in.
type batch struct {
	messages []*stream.Message
	places   []place
	size     int
}

// take takes in a batch.
func (s *Store) take(r *reader, b *batch) {
	entries := make([]track.Tracked, len(b.messages))
	s.mu.Lock()
	s.header, s.damage, s.size, s.index.frames = r.header, r.damage, r.at, r.data.frames
	for i, m := range b.messages {
		s.index.add(b.places[i], m)
		s.count(m)
		entries[i] = track.Tracked{Outcome: track.Stored, Sender: m.Sender, Message: m, Arrived: m.Received, Counters: s.counters(m)}
		if m.Ours {
			if hello, ok := stream.ParseHello(m.Payload); ok {
				entries[i].Next = hello.Next
			}
		}
	}
	s.mu.Unlock()
	if len(entries) > 0 {
		s.state.Apply(entries, s.totals)
	}
	clear(b.messages)
	b.messages, b.places, b.size = b.messages[:0], b.places[:0], 0
}

// count takes note of the topic and the time of a message.
func (s *Store) count(m *stream.Message) {
	s.topics.Add(m)
	if s.oldest.IsZero() {
		s.oldest = m.Received
	}
	s.newest = m.Received
}

// counters returns the counters of a message's sender with it.
func (s *Store) counters(m *stream.Message) track.Counters {
	c := s.senders[m.Sender]
	if c == nil {
		c = new(track.Counters)
		s.senders[m.Sender] = c
	}
	c.Messages++
	c.LastID = m.ID
	if !m.Retained {
		c.LastSeen = m.Received
	}
	s.totals.Received++
	s.totals.Stored++
	c.Missed += m.Missed
	s.totals.Missed += m.Missed
	if m.Reordered {
		c.Reordered++
		s.totals.Reordered++
		c.Missed -= min(c.Missed, 1)
		s.totals.Missed -= min(s.totals.Missed, 1)
	}
	if m.Ours {
		c.Ours, c.Color = true, m.Color
		if m.Boot != c.Boot || m.Seq > c.Seq {
			c.Boot, c.Seq = m.Boot, m.Seq
		}
	}
	return *c
}

// Now is the time of the recording's newest message; of one that is written it is the
// time. Senders are as they were then.
func (s *Store) Now() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.growing || s.newest.IsZero() {
		return time.Now()
	}
	return s.newest
}

// Header returns the first line of the recording.
func (s *Store) Header() Header {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.header
}

// Damage returns what could not be read so far.
func (s *Store) Damage() Damage {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.damage
}

// Close ends all followers and the reading, and waits for it.
func (s *Store) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	if was {
		return nil
	}
	s.stop()
	<-s.done
	s.state.Close()
	return s.f.Close()
}
