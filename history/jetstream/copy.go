package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/track"
)

// copyKey is the key of the bucket of senders that names what is copied; after
// history.CopyDone once all is.
const copyKey = "copy"

// subjectGap is where the messages stand that fill IDs that the source does not have.
// They are removed at the end, which leaves these IDs out. It is no topic's.
const subjectGap = streamPrefix + "-.-"

// A Copied is a history that is copied, or copied to: no receiver appends meanwhile.
type Copied struct {
	*Store
	release func()
}

// hold takes the lease of the indexer and keeps it until Close. What has ended without
// giving it back has it until its time is over.
func hold(ctx context.Context, s *Store) (*Copied, error) {
	me := rand.Text()
	for end := time.Now().Add(leaseFor + 2*time.Second); ; {
		revision, err := s.acquire(ctx, me)
		if err == nil {
			holding, cancel := context.WithCancel(context.WithoutCancel(ctx))
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = s.renew(holding, me, &revision) // what is written is fenced without it, too
			}()
			return &Copied{s, func() {
				cancel()
				<-done
				s.giveBack(ctx, me, revision)
			}}, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, history.ErrAppended
		}
		select {
		case <-time.After(leaseRetry):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends it.
func (c *Copied) Close() error {
	c.release()
	return c.Store.Close()
}

// OpenSource opens the history, which must be there, to be copied. What the broker has
// acknowledged by then, and no receiver has appended, is appended before; else it is left
// as it is.
func OpenSource(ctx context.Context, conn *natsgo.Conn, o Options) (*Copied, error) {
	o.existing = true
	s, err := Open(ctx, conn, o)
	if err != nil {
		return nil, err
	}
	c, err := hold(ctx, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := c.catchUp(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("append what the broker has acknowledged: %w", err), c.Close())
	}
	return c, nil
}

// catchUp has the indexer append what the broker's stream holds now. Its leader says where
// it ends: what a consumer says of messages that wait is what its own node has, which may
// be behind.
func (c *Copied) catchUp(ctx context.Context) error {
	from, err := askStream(ctx, c.js, subjectMessages)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // no broker has it
	}
	if err != nil {
		return fmt.Errorf("read the broker's stream %s: %w", subjectMessages, err)
	}
	if from.State.Msgs == 0 {
		return nil
	}
	return c.index(ctx, from.State.LastSeq)
}

// Counted returns what is counted besides the messages.
func (c *Copied) Counted(ctx context.Context) (state track.State, senders []*track.SenderState, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	a := c.appender // of catchUp: it also has duplicates that no message tells of
	if a == nil {
		if a, err = c.loadAppender(ctx); err != nil {
			return state, nil, err
		}
	}
	a.tracker.Senders(func(sender *track.SenderState) { senders = append(senders, sender) })
	return a.tracker.State(), senders, nil
}

// An Importer writes another history into a stream, with its IDs. Until Finish no
// receiver takes it.
type Importer struct {
	*Copied
	source string
	done   bool  // by another Importer
	last   int64 // in the stream
}

// Import makes the stream with first as its first ID, or goes on with one that an
// Importer of the same source has left.
func Import(ctx context.Context, conn *natsgo.Conn, o Options, first int64, source string) (*Importer, error) {
	o.importing, o.first = true, first
	s, err := Open(ctx, conn, o)
	if err != nil {
		return nil, err
	}
	c, err := hold(ctx, s)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	i := &Importer{c, source, false, s.last.Load()}
	if err := i.begin(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return i, nil
}

func (i *Importer) begin(ctx context.Context) error {
	mark, err := i.senders.Get(ctx, copyKey)
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return err
	}
	if err == nil {
		of, done := strings.CutPrefix(string(mark.Value()), history.CopyDone)
		switch {
		case of == i.source:
			i.done = done
			return nil
		case !done:
			return history.ErrOtherCopy
		}
	}
	info, err := i.info(ctx)
	if err != nil {
		return err
	}
	if info.State.LastSeq >= max(info.Config.FirstSeq, 1) {
		return history.ErrNotEmpty
	}
	if int64(max(info.Config.FirstSeq, 1)) != i.o.first { // a receiver has made it, and stored nothing
		if err := i.js.DeleteStream(ctx, streamName); err != nil {
			return fmt.Errorf("make the stream %s anew: %w", streamName, err)
		}
		if err := i.makeStreams(ctx); err != nil {
			return err
		}
		i.last = i.o.first - 1
	}
	if _, err := i.senders.Put(ctx, copyKey, []byte(i.source)); err != nil {
		return fmt.Errorf("begin the copy: %w", err)
	}
	return nil
}

// checkFinished returns an error if the history is a copy that was not finished.
func checkFinished(ctx context.Context, senders jetstream.KeyValue) error {
	switch mark, err := senders.Get(ctx, copyKey); {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("read the checkpoint: %w", err)
	case !strings.HasPrefix(string(mark.Value()), history.CopyDone):
		return history.ErrUnfinished
	}
	return nil
}

// Done reports whether all was copied before.
func (i *Importer) Done() bool { return i.done }

// Last returns the ID of the newest message.
func (i *Importer) Last() int64 { return i.last }

// Add stores messages, which are newer than all stored. What is counted with each of
// them comes with Finish.
func (i *Importer) Add(ctx context.Context, messages []stream.Message) error {
	var pending []*natsgo.Msg
	next := i.last + 1
	for k := range messages {
		m := &messages[k]
		for ; next < m.ID; next++ {
			if pending = append(pending, gap(next)); len(pending) == batchMessages {
				if err := i.publishAll(ctx, pending); err != nil {
					return err
				}
				pending = pending[:0]
			}
		}
		h, _ := stream.ParseHello(m.Payload)
		state := track.State{LastID: m.ID, Received: m.Received}
		one, err := encode(&track.Tracked{Message: m, Next: h.Next, Arrived: m.Received}, 0, state, nil)
		if err != nil {
			return err
		}
		pending = append(pending, one)
		next++
	}
	return i.publishAll(ctx, pending)
}

// gap is a message that holds the place of an ID that is left out.
func gap(id int64) *natsgo.Msg {
	return &natsgo.Msg{Subject: subjectGap, Header: natsgo.Header{headerMessage: {fmt.Sprintf(`{"id":%d}`, id)}, headerTracked: {"{}"}}}
}

// publishAll stores messages behind the last one.
func (i *Importer) publishAll(ctx context.Context, pending []*natsgo.Msg) error {
	futures := make([]jetstream.PubAckFuture, 0, len(pending))
	for _, m := range pending {
		future, err := i.js.PublishMsgAsync(m, jetstream.WithExpectStream(streamName), jetstream.WithExpectLastSequence(uint64(i.last)+uint64(len(futures))))
		if err != nil {
			return fmt.Errorf("store message %d: %w", i.last+1+int64(len(futures)), err)
		}
		futures = append(futures, future)
	}
	for _, future := range futures {
		sequence, err := settled(ctx, future)
		if err != nil {
			return fmt.Errorf("store message %d: %w", i.last+1, err)
		}
		i.last = int64(sequence)
	}
	return nil
}

// Finish stores what is counted besides the messages, removes what fills gaps, and makes
// the stream a history.
func (i *Importer) Finish(ctx context.Context, state track.State, senders []*track.SenderState) error {
	for i.last < state.LastID { // the newest are missing in the source
		var some []*natsgo.Msg
		for id := i.last + 1; id <= state.LastID && len(some) < batchMessages; id++ {
			some = append(some, gap(id))
		}
		if err := i.publishAll(ctx, some); err != nil {
			return err
		}
	}
	// Before what the reader waits for is removed.
	if err := i.passed(ctx, state.LastID); err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	is, err := i.js.Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	if err := is.Purge(ctx, jetstream.WithPurgeSubject(subjectGap)); err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	_, _, revisions, err := i.loadCheckpoint(ctx)
	if err != nil {
		return err
	}
	a := &appender{store: i.Store, stored: checkpoint{State: state}, dirty: map[string]*track.SenderState{}, revisions: revisions}
	for _, sender := range senders {
		a.dirty[sender.Sender] = sender
	}
	if err := a.checkpoint(ctx); err != nil {
		return err
	}
	if _, err := i.senders.Put(ctx, copyKey, []byte(history.CopyDone+i.source)); err != nil {
		return fmt.Errorf("end the copy: %w", err)
	}
	return nil
}
