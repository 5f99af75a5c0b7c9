package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A tail reads a stream in its order. When its consumer has gone, or has lost a
// message, the next read makes another one that goes on behind what was read. One
// goroutine uses it: OrderedConsumer of nats.go, which does the same, races when it is
// stopped while another goroutine reads (its reset writes what Stop reads).
type tail struct {
	js     jetstream.JetStream
	log    *slog.Logger
	stream string
	config jetstream.ConsumerConfig // of the first consumer

	messages  jetstream.MessagesContext // nil: there is no consumer
	waiting   uint64                    // messages that the consumer had when it was made
	read      uint64                    // the newest, in the stream
	delivered uint64                    // by this consumer
}

// newTail returns a tail of a stream's messages from a sequence on, of some subjects or
// of all.
func newTail(js jetstream.JetStream, log *slog.Logger, stream string, from uint64, subjects []string) *tail {
	return &tail{js: js, log: log, stream: stream, config: jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, FilterSubjects: subjects,
	}}
}

// open makes a consumer.
func (t *tail) open(ctx context.Context) error {
	c := t.config
	if t.read > 0 {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, t.read+1
	}
	c.AckPolicy, c.Replicas, c.MemoryStorage, c.InactiveThreshold = jetstream.AckNonePolicy, 1, true, time.Minute
	var consumer jetstream.Consumer
	err := ask(ctx, func(ctx context.Context) (err error) {
		consumer, err = t.js.CreateConsumer(ctx, t.stream, c)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the stream %s: %w", t.stream, err)
	}
	if t.messages, err = consumer.Messages(pulls()...); err != nil {
		return fmt.Errorf("read the stream %s: %w", t.stream, err)
	}
	t.waiting, t.delivered = consumer.CachedInfo().NumPending, 0
	t.log.Debug("reading a stream", "stream", t.stream, "after", t.read)
	return nil
}

// pulls are how a consumer is asked for messages: when its node has gone, that is seen
// after two heartbeats that did not come. By default it takes 30 s.
func pulls() []jetstream.PullMessagesOpt {
	return []jetstream.PullMessagesOpt{jetstream.PullExpiry(10 * time.Second), jetstream.PullHeartbeat(time.Second)}
}

// next waits for the next message. After an error that is not ctx's it may be called
// again.
func (t *tail) next(ctx context.Context) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	for {
		if t.messages == nil {
			if err := t.open(ctx); err != nil {
				return nil, nil, err
			}
		}
		m, err := t.messages.Next(jetstream.NextContext(ctx))
		if err == nil {
			meta, err := m.Metadata()
			if err == nil && meta.Sequence.Consumer == t.delivered+1 {
				t.read, t.delivered = meta.Sequence.Stream, meta.Sequence.Consumer
				return m, meta, nil
			}
		} else if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		t.stop()
		t.log.Debug("the consumer of a stream has gone, or has lost a message", "stream", t.stream, "read", t.read, "cause", err)
		if err != nil && !errors.Is(err, jetstream.ErrNoHeartbeat) && !errors.Is(err, jetstream.ErrConsumerDeleted) {
			return nil, nil, fmt.Errorf("read the stream %s: %w", t.stream, err)
		}
	}
}

// stop ends the consumer; the server forgets it after a while.
func (t *tail) stop() {
	if t.messages != nil {
		t.messages.Stop()
		t.messages = nil
	}
}
