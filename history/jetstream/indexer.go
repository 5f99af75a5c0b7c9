package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"hellox/history/live"
	"hellox/stream"
	"hellox/stream/subject"
	"hellox/stream/track"
)

// The lease says who the indexer is. One that has ended without giving it back is
// replaced after leaseFor.
const (
	leaseKey     = "indexer"
	leaseFor     = 10 * time.Second
	leaseRenew   = leaseFor / 4
	leaseRetry   = 500 * time.Millisecond
	checkpointAt = 5 * time.Second // between two checkpoints
)

// A batch of the indexer ends at so many messages or bytes of payload.
const (
	batchMessages = 512
	batchBytes    = 4 << 20
)

// Run follows the broker's stream as long as this process is the indexer, tries to
// become it while it is not, and publishes presence, which comes by in, and what time
// does to senders. It returns when ctx is done or in is closed.
func (s *Store) Run(ctx context.Context, in <-chan stream.Arrival) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		s.Index(ctx)
		return nil
	})
	group.Go(func() error {
		defer cancel()
		return live.Run(ctx, presence{s, track.New(track.State{}, nil)}, in)
	})
	return group.Wait()
}

// presence takes the presence of broadcasters from the broker. All else is in the
// stream already.
type presence struct {
	store   *Store
	tracker *track.Tracker // tells presence from other arrivals
}

// Append implements live.Writer.
func (p presence) Append(_ context.Context, arrivals []stream.Arrival) error {
	var entries []track.Tracked
	for i := range arrivals {
		if !stream.InStream(arrivals[i].Topic) {
			entries = append(entries, p.tracker.Track(arrivals[i]))
		}
	}
	p.store.applying.Lock()
	p.store.state.Apply(entries, p.store.totals)
	p.store.applying.Unlock()
	for i := range arrivals {
		arrivals[i].Ack()
	}
	return nil
}

// Maintain implements live.Writer.
func (p presence) Maintain(context.Context) (time.Time, error) {
	return p.store.state.Tick(time.Now()), nil
}

// Changed implements live.Writer.
func (p presence) Changed() <-chan struct{} { return p.store.state.Changed() }

// Index becomes the indexer, and again when it has lost that, until ctx ends.
func (s *Store) Index(ctx context.Context) {
	me, last := rand.Text(), ""
	for ctx.Err() == nil {
		revision, err := s.acquire(ctx, me)
		if err == nil {
			s.o.Log.Info("this receiver is the indexer")
			err = s.lead(ctx, me, revision)
			last = ""
		}
		if err != nil && !errors.Is(err, jetstream.ErrKeyExists) && ctx.Err() == nil && err.Error() != last {
			last = err.Error()
			s.o.Log.Warn("nothing is appended to the history by this receiver; trying again", "cause", last)
		}
		select {
		case <-time.After(leaseRetry):
		case <-ctx.Done():
		}
	}
}

// acquire takes the lease, or returns jetstream.ErrKeyExists if another one has it. One
// that was taken before without an answer is its own.
func (s *Store) acquire(ctx context.Context, me string) (revision uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	switch entry, err := s.lease.Get(ctx, leaseKey); {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return s.lease.Create(ctx, leaseKey, []byte(me))
	case err != nil:
		return 0, err
	case string(entry.Value()) != me:
		return 0, jetstream.ErrKeyExists
	default:
		return s.lease.Update(ctx, leaseKey, []byte(me), entry.Revision())
	}
}

// lead appends what the broker's stream gets as long as it has the lease.
func (s *Store) lead(ctx context.Context, me string, revision uint64) error {
	group, leading := errgroup.WithContext(ctx)
	group.Go(func() error { return s.renew(leading, me, &revision) })
	group.Go(func() error { return s.indexOn(leading) })
	err := group.Wait()
	s.giveBack(ctx, me, revision)
	return err
}

// giveBack gives the lease back, without which it ends by itself. ctx may be over; it is not
// waited for long.
func (s *Store) giveBack(ctx context.Context, me string, revision uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseRetry)
	defer cancel()
	if err := s.lease.Delete(ctx, leaseKey, jetstream.LastRevision(revision)); err == nil {
		return
	}
	if stored := s.unanswered(ctx, me, revision); stored > 0 { // by the renewal that the end has interrupted
		_ = s.lease.Delete(ctx, leaseKey, jetstream.LastRevision(stored))
	}
}

// indexOn indexes until ctx ends. When that fails it begins anew with what is stored by
// then, and keeps the lease: most often a stream has lost its leader, and then the lease can
// often not be given back either, so that another receiver would wait for its end.
func (s *Store) indexOn(ctx context.Context) error {
	for last := ""; ; {
		err := s.index(ctx, 0)
		if ctx.Err() != nil || s.closed.Load() {
			return err
		}
		if text := err.Error(); text != last {
			last = text
			s.o.Log.Warn("nothing is appended to the history; trying again", "cause", last)
		}
		select {
		case <-time.After(leaseRetry):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// renew renews the lease until it is lost.
func (s *Store) renew(ctx context.Context, me string, revision *uint64) error {
	renewed := time.Now()
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		asked := time.Now()
		asking, cancel := context.WithTimeout(ctx, leaseRenew)
		next, err := s.lease.Update(asking, leaseKey, []byte(me), *revision)
		cancel()
		if errors.Is(err, jetstream.ErrKeyExists) {
			if stored := s.unanswered(ctx, me, *revision); stored > 0 {
				*revision = stored
				continue
			}
		}
		switch {
		case err == nil:
			*revision, renewed = next, asked
		case errors.Is(err, jetstream.ErrKeyExists), time.Since(renewed) > leaseFor:
			return fmt.Errorf("another receiver is the indexer: %w", err)
		}
	}
}

// unanswered returns the revision of a renewal after a revision that was stored although
// its answer did not come; 0: there is none.
func (s *Store) unanswered(ctx context.Context, me string, after uint64) uint64 {
	ctx, cancel := context.WithTimeout(ctx, leaseRenew)
	defer cancel()
	entry, err := s.lease.Get(ctx, leaseKey)
	if err != nil || string(entry.Value()) != me || entry.Revision() <= after {
		return 0
	}
	return entry.Revision()
}

// index appends what the broker's stream holds after what was appended last, up to the
// message of a sequence, which is there; 0: and what comes, until ctx ends.
func (s *Store) index(ctx context.Context, last uint64) error {
	source, err := s.reload(ctx)
	if err != nil || last > 0 && source >= last {
		return err
	}
	from, err := askStream(ctx, s.js, subjectMessages)
	if err != nil {
		return fmt.Errorf("read the broker's stream %s: %w", subjectMessages, err)
	}
	if first := from.State.FirstSeq; source > 0 && first > source+1 {
		s.o.Log.Error("the broker has evicted messages that are not in the history", "most", first-source-1)
	}
	arrived := make(chan jetstream.Msg, batchMessages) // closed by the goroutine that writes to it
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(arrived)
		subjects := s.subjects()
		if last > 0 {
			subjects = nil // it may be of another topic
		}
		t := newTail(s.js, s.o.Log, subjectMessages, source+1, subjects)
		defer t.stop()
		return pass(ctx, t, last, arrived)
	})
	group.Go(func() error { return s.appendAll(ctx, arrived) })
	return group.Wait()
}

// pass passes messages on, up to the one of a sequence; 0: until ctx ends.
func pass(ctx context.Context, t *tail, last uint64, arrived chan<- jetstream.Msg) error {
	for {
		m, meta, err := t.next(ctx)
		if err != nil {
			return err
		}
		select {
		case arrived <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
		if last > 0 && meta.Sequence.Stream >= last {
			return nil
		}
	}
}

// reload reads where the history ends, and returns where that is in the broker's
// stream.
func (s *Store) reload(ctx context.Context) (source uint64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.appender, err = s.loadAppender(ctx); err != nil {
		return 0, fmt.Errorf("read where the history ends: %w", err)
	}
	s.o.Log.Debug("the indexer goes on", "last_id", s.appender.stored.State.LastID, "source", s.appender.stored.Source)
	return s.appender.stored.Source, nil
}

// subjects returns the subjects of the topics to store, none if they cannot be told
// apart by subjects.
func (s *Store) subjects() (all []string) {
	if len(s.o.Topics) != 1 {
		return nil
	}
	subjects, exact, err := subject.Filter(s.o.Topics[0])
	if err != nil || !exact {
		return nil
	}
	for _, one := range subjects {
		all = append(all, subject.MessagesPrefix+one)
	}
	return all
}

// appendAll appends what arrives, and writes checkpoints: with many senders less often,
// as nothing is appended meanwhile.
func (s *Store) appendAll(ctx context.Context, arrived <-chan jetstream.Msg) error {
	due := time.NewTimer(checkpointAt)
	defer due.Stop()
	for {
		select {
		case m, open := <-arrived:
			if !open {
				return s.endIndex(ctx)
			}
			arrivals, sources := s.gather(m, arrived)
			if len(arrivals) == 0 {
				continue
			}
			if err := s.append(ctx, arrivals, sources); err != nil {
				return err
			}
		case <-due.C:
			began := time.Now()
			if err := s.writeCheckpoint(ctx); err != nil {
				return err
			}
			due.Reset(max(checkpointAt, 10*time.Since(began)))
		}
	}
}

// endIndex writes the last checkpoint; at the end of ctx, if there is time for it.
func (s *Store) endIndex(ctx context.Context) error {
	if ctx.Err() == nil {
		return s.writeCheckpoint(ctx)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseRetry)
	defer cancel()
	return s.writeCheckpoint(ending)
}

func (s *Store) writeCheckpoint(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.appender == nil {
		return nil
	}
	if err := s.appender.checkpoint(ctx); err != nil {
		s.appender = nil // another one may have written it
		return err
	}
	return nil
}

// gather returns m and what waits behind it as arrivals, with their places in the
// broker's stream.
func (s *Store) gather(m jetstream.Msg, arrived <-chan jetstream.Msg) (arrivals []stream.Arrival, sources []uint64) {
	for size := 0; ; {
		if a, source, ok := s.arrival(m); ok {
			arrivals, sources = append(arrivals, a), append(sources, source)
			size += len(a.Payload)
		}
		if len(arrivals) >= batchMessages || size >= batchBytes {
			return arrivals, sources
		}
		select {
		case more, open := <-arrived:
			if !open {
				return arrivals, sources // the next read sees it
			}
			m = more
		default:
			return arrivals, sources
		}
	}
}

// arrival returns a message of the broker's stream as an arrival; false if it is not to
// be stored.
func (s *Store) arrival(m jetstream.Msg) (a stream.Arrival, source uint64, ok bool) {
	meta, err := m.Metadata()
	if err != nil {
		return a, 0, false
	}
	a = stream.Arrival{
		Topic: subject.Topic(strings.TrimPrefix(m.Subject(), subject.MessagesPrefix)), Payload: m.Data(),
		QoS: 1, Received: meta.Timestamp, Ack: func() {},
	}
	if qos := m.Headers().Get("Nmqtt-Pub"); qos != "" {
		a.QoS = qos[0] - '0'
	}
	if !stream.InStream(a.Topic) {
		return a, 0, false // presence comes from the broker: here it is as old as the stream
	}
	matches := func(f string) bool { return stream.MatchTopic(f, a.Topic) }
	if len(s.o.Topics) > 0 && !slices.ContainsFunc(s.o.Topics, matches) {
		return a, 0, false
	}
	if most := s.conn.MaxPayload(); messageBytes(len(a.Topic), len(a.Payload)) > most {
		s.o.Log.Error("a message is too large for the history", "topic", a.Topic, "bytes", len(a.Payload), "most", most)
		return a, 0, false
	}
	return a, meta.Sequence.Stream, true
}
