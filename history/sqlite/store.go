package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"
	"modernc.org/sqlite"

	"hellox/history"
	"hellox/history/live"
	"hellox/sqlitefile"
	"hellox/stream"
	"hellox/stream/track"
)

// Options configures a Store.
type Options struct {
	Keep    int64         // limit of the file in bytes, which retention keeps; 0: no bound
	KeepFor time.Duration // age at which a message is evicted; 0: no bound
	Log     *slog.Logger  // nil: nothing is logged
	Metrics prometheus.Registerer

	importing bool // it may be an unfinished copy

	// Of tests alone.
	now        func() time.Time // nil: time.Now
	retryEvery time.Duration    // how often a full disk is asked again; 0: every second
	unchecked  bool             // open the file as one that is too large to be checked as a whole
	warmRows   int64            // how many of the newest messages are read when opening; 0: 20,000
}

// Store is a Store in one SQLite file, which one process at a time uses. An
// arrival is acknowledged when its message is on the disk, synced.
//
// One connection writes, under the lock writing. A few others read, and see what
// was committed when their statement began.
type Store struct {
	path string
	o    Options
	log  *slog.Logger
	now  func() time.Time
	lock *flock.Flock

	state   *live.State
	series  *seriesIndex
	damage  *damage
	readers chan *sqlitefile.Conn // holds the idle ones
	opened  int                   // how many readers there are
	stop    chan struct{}
	metrics *metrics

	first   atomic.Int64 // id of the oldest message; one above last if there is none
	last    atomic.Int64 // id of the newest message on the disk
	evicted atomic.Uint64

	writing         sync.Mutex // guards all that follows
	writer          *sqlitefile.Conn
	tracker         *track.Tracker
	changed         []*series // since the last checkpoint
	pending         *batch    // tracked, not yet on the disk
	checkpoint      *snapshot // not yet on the disk
	sinceCheckpoint int       // messages since the last checkpoint
	checkpointedAt  time.Time
	dirty           bool      // something has changed since
	eviction        *eviction // prepared, not yet on the disk
	appendedAt      time.Time // when messages last were
	retention       retention
	degraded        bool
	failed          error // final: nothing is written any more
	closed          bool
}

var _ history.Store = (*Store)(nil)

// readerCount is how many pages are read at once.
const readerCount = 4

// Open opens the history at path, creates it if there is none, and
// brings an older one up to date. A file that cannot be used is left as it is,
// and the error is a *FileError.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	return open(ctx, path, o, migrations())
}

func open(ctx context.Context, path string, o Options, steps []string) (_ *Store, err error) {
	o = o.withDefaults()
	if path, err = filepath.Abs(path); err != nil {
		return nil, &FileError{Path: path, Reason: "its folder cannot be found", Err: err}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, &FileError{Path: path, Reason: "its folder cannot be made", Err: err}
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, o: o, log: o.Log, now: o.now, lock: lock, stop: make(chan struct{}),
		readers: make(chan *sqlitefile.Conn, readerCount), damage: newDamage(path, o.Log)}
	defer func() {
		if err != nil {
			if closing := s.closeFile(); closing != nil {
				err = errors.Join(err, closing)
			}
		}
	}()
	var lost sqlitefile.LostLog
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Size() > 0:
		if lost, err = sqlitefile.InspectLog(path); err != nil {
			return nil, &FileError{Path: path, Reason: "its log cannot be read", Err: err}
		}
		err = inspect(ctx, path, len(steps), !o.unchecked)
	case err == nil || errors.Is(err, os.ErrNotExist):
		wasEmpty := err == nil
		if err = create(ctx, path, steps); err == nil && wasEmpty {
			s.log.Warn("the history was an empty file: a new one begins at id 1", "path", path)
		}
	}
	if err != nil {
		return nil, err
	}
	// As durable as fsync and half as long (see the driver's documentation);
	// an error says that the platform has only the one.
	_, _ = sqlite.Fdatasync(true)
	if err := s.load(ctx, steps, lost); err != nil {
		return nil, unusable(path, err)
	}
	if !o.importing {
		if err := checkFinished(ctx, s); err != nil {
			return nil, err
		}
	}
	if s.metrics, err = newMetrics(o.Metrics, s); err != nil {
		return nil, fmt.Errorf("open history %s: %w", path, err)
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.now == nil {
		o.now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.retryEvery == 0 {
		o.retryEvery = time.Second
	}
	if o.warmRows == 0 {
		o.warmRows = 20_000
	}
	return o
}

// load opens the connections and brings memory to where the file is.
func (s *Store) load(ctx context.Context, steps []string, lost sqlitefile.LostLog) (err error) {
	if s.writer, err = sqlitefile.Dial(ctx, s.path, asWriter); err != nil {
		return err
	}
	if err := s.writer.KeepWAL(); err != nil {
		return err
	}
	if err := migrate(ctx, s.writer, steps); err != nil {
		return err
	}
	for range readerCount {
		r, err := sqlitefile.Dial(ctx, s.path, asReader)
		if err != nil {
			return err
		}
		s.readers <- r
		s.opened++
	}
	var broken []*series
	if s.series, broken, err = loadSeries(ctx, s.writer); err != nil {
		return err
	}
	c, err := readCheckpoint(ctx, s.writer, s.log)
	if err != nil {
		return err
	}
	if c.lost {
		broken = s.series.where(func(*series) bool { return true })
	}
	for _, one := range broken {
		if err := one.recount(ctx, s.writer, c.state.LastID); err != nil {
			return err
		}
	}
	senders := make([]*track.SenderState, len(c.senders))
	for i, e := range c.senders {
		senders[i] = e.SenderState
	}
	s.tracker = track.New(c.state, senders)
	s.evicted.Store(c.evicted)
	return s.replay(ctx, c, lost)
}

// replay reads the newest messages: what came after the checkpoint goes into the
// tracker, what came in the last hour into the meters.
func (s *Store) replay(ctx context.Context, c *storedCheckpoint, lost sqlitefile.LostLog) error {
	newest, strays, err := newestID(ctx, s.writer, s.series, c.state.LastID)
	if err != nil {
		return err
	}
	for _, id := range strays {
		s.damage.note(id)
		if err := s.writer.Exec("DELETE FROM m WHERE id = ?", id); err != nil {
			return err
		}
		s.damage.forget(id)
	}
	newest += lostIDs(lost, s.path, s.log)
	first, err := firstID(ctx, s.writer, s.series, newest, c.evicted)
	if err != nil {
		return err
	}
	s.first.Store(first)
	s.last.Store(newest)
	s.state = live.NewState(newest, s.now)
	for _, e := range c.senders {
		s.state.LoadSender(e.SenderState, e.Cadence)
	}
	hourAgo := s.now().Add(-time.Hour)
	err = eachRow(ctx, s.writer, "", min(c.state.LastID, newest-s.o.warmRows), math.MaxInt64, true, func(r *row) error {
		one := s.series.get(r.series)
		m, next, err := r.message(one)
		if err != nil {
			s.damage.note(r.id)
			if r.id > c.state.LastID {
				s.tracker.Skip(r.id)
			}
			return nil
		}
		if m.ID > c.state.LastID {
			s.tracker.Replay(&m)
			s.advance(one, m.ID)
		}
		if m.ID > c.state.LastID || m.Received.After(hourAgo) {
			s.state.Replay(&m, next, m.ID <= c.state.LastID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.tracker.SkipTo(newest)
	s.dirty = lost.Frames > 0
	s.tracker.Senders(s.state.SetCounters)
	s.state.SetTotals(s.tracker.State())
	for _, one := range s.series.where(func(*series) bool { return true }) {
		one.setCommitted(one.last, one.count)
	}
	s.checkpointedAt = s.now()
	return nil
}

// advance makes id the newest message of one.
func (s *Store) advance(one *series, id int64) {
	one.last = id
	one.count++
	if !one.changed {
		one.changed = true
		s.changed = append(s.changed, one)
	}
}

// Run appends and acknowledges what comes in, evicts what is beyond Keep and
// KeepFor, and publishes what time does to senders, until in is closed or ctx
// is done. An error is final: the disk has failed, nothing is acknowledged any
// more, and the process should end and leave the rest to the broker.
func (s *Store) Run(ctx context.Context, in <-chan stream.Arrival) error { return live.Run(ctx, s, in) }

// Changed implements live.Writer.
func (s *Store) Changed() <-chan struct{} { return s.state.Changed() }

// SetLink sets the state of the connection that arrivals come through, and
// publishes it.
func (s *Store) SetLink(l stream.Link) { s.state.SetLink(l) }

// SetBroker sets what the broker says about itself.
func (s *Store) SetBroker(b stream.BrokerState) { s.state.SetBroker(b) }

// Follow implements Store.
func (s *Store) Follow(q history.Follow) history.Follower { return s.state.Follow(s, q) }

// FirstID implements live.Reader.
func (s *Store) FirstID() int64 { return s.first.Load() }

// Senders implements Store.
func (s *Store) Senders(context.Context) ([]stream.Sender, error) { return s.state.Senders(), nil }

// Topics implements Store.
func (s *Store) Topics(context.Context) ([]history.Topic, error) { return s.series.topics(), nil }

// Counted returns what is counted besides the messages.
func (s *Store) Counted(context.Context) (state track.State, senders []*track.SenderState, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.tracker.Senders(func(sender *track.SenderState) { senders = append(senders, sender) })
	return s.tracker.State(), senders, nil
}

// Intervals implements Store.
func (s *Store) Intervals(context.Context) ([]history.Intervals, error) {
	return s.state.Intervals(), nil
}

// Stats implements Store.
func (s *Store) Stats(ctx context.Context) (history.Stats, error) {
	st := s.state.Stats()
	st.Evicted, st.Bytes, st.Limit = s.evicted.Load(), s.size(), s.o.Keep
	st.LastID, st.Damaged = s.last.Load(), s.damage.count()
	err := s.read(ctx, func(c *sqlitefile.Conn) error {
		first, received, ok, err := s.receivedFrom(ctx, c, s.first.Load())
		if ok {
			st.FirstID, st.Oldest = first, received
		}
		return err
	})
	return st, err
}

// size is what the history occupies on the disk. The file is only asked for by
// name: closing it here would drop SQLite's locks on it (howtocorrupt, 2.2).
func (s *Store) size() (n int64) {
	for _, p := range []string{s.path, s.path + "-wal"} {
		if info, err := os.Stat(p); err == nil {
			n += info.Size()
		}
	}
	return n
}

// Close writes a checkpoint and ends readers and followers. What was handed to
// Append and not acknowledged is not stored.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return nil
	}
	var err error
	if s.failed == nil && s.pending == nil {
		// Without room for it, opening replays the messages since the last one.
		if err = s.writeCheckpoint(); sqlitefile.IsFull(err) || sqlitefile.IsBusy(err) {
			err = nil
		}
	}
	s.closed = true
	close(s.stop)
	s.state.Close()
	s.metrics.unregister()
	return errors.Join(err, s.closeFile())
}

func (s *Store) closeFile() error {
	var errs []error
	for range s.opened {
		select {
		case r := <-s.readers:
			errs = append(errs, r.Close())
		case <-time.After(2 * time.Second):
			errs = append(errs, fmt.Errorf("close history %s: a page is still being read", s.path))
		}
	}
	// After a failed write the file is left to the next process: closing the
	// connection would copy from the write-ahead log what may not be there.
	if s.writer != nil && s.failed == nil {
		errs = append(errs, s.writer.Close())
	}
	return errors.Join(append(errs, s.lock.Unlock())...)
}
