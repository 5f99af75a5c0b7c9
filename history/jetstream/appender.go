package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/subject"
	"hellox/stream/track"
)

// subjectMessages is the broker's stream.
const subjectMessages = subject.MessagesStream

// An appender is who writes the stream. Where it stands is known from the stream: it
// can be loaded anew at any time.
type appender struct {
	store     *Store
	tracker   *track.Tracker
	source    uint64                        // the newest of $MQTT_msgs that it has tracked
	dirty     map[string]*track.SenderState // since the last checkpoint
	forgotten []string
	changed   bool // anything has, since the last checkpoint
}

// A checkpoint is stored in the bucket of senders, under checkpointKey: beside it each
// sender's state is at least as new.
type checkpoint struct {
	State  track.State `json:"state"`
	Source uint64      `json:"source"`
}

const checkpointKey = "checkpoint"

// Append stores arrivals, publishes them and acknowledges them in order.
func (s *Store) Append(ctx context.Context, arrivals []stream.Arrival) error {
	if err := s.append(ctx, arrivals, nil); err != nil {
		return err
	}
	for i := range arrivals {
		arrivals[i].Ack()
	}
	return nil
}

// append stores arrivals; sources are where they stand in $MQTT_msgs, if they do.
func (s *Store) append(ctx context.Context, arrivals []stream.Arrival, sources []uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return history.ErrClosed
	}
	if s.appender == nil {
		a, err := s.loadAppender(ctx)
		if err != nil {
			return fmt.Errorf("read where the history ends: %w", err)
		}
		s.appender = a
	}
	if err := s.appender.append(ctx, arrivals, sources); err != nil {
		s.appender = nil // what of it is stored is seen when it is loaded
		return fmt.Errorf("append to the history: %w", err)
	}
	return nil
}

func (a *appender) append(ctx context.Context, arrivals []stream.Arrival, sources []uint64) error {
	// Until what is stored has been applied with all that belongs to it, the reader
	// must not apply it.
	a.store.applying.Lock()
	defer a.store.applying.Unlock()
	entries := make([]track.Tracked, len(arrivals))
	futures := make(map[int64]jetstream.PubAckFuture, len(arrivals))
	for i := range arrivals {
		source := uint64(0)
		if sources != nil {
			source = sources[i]
		}
		e := a.tracker.Track(arrivals[i])
		a.source, a.changed = max(a.source, source), true
		if entries[i] = e; e.Message == nil {
			continue
		}
		future, err := a.publish(&e, source)
		if err != nil {
			return err
		}
		futures[e.Message.ID] = future
	}
	for id, future := range futures {
		select {
		case ack := <-future.Ok():
			if ack.Sequence != uint64(id) {
				return fmt.Errorf("message %d was stored as %d", id, ack.Sequence)
			}
		case err := <-future.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	changed, forgotten := a.tracker.Changes()
	for _, sender := range changed {
		a.dirty[sender.Sender] = sender
	}
	a.forgotten = append(a.forgotten, forgotten...)
	a.store.apply(entries, a.tracker.State().Totals)
	a.store.state.Forget(forgotten)
	return nil
}

// publish appends one message, if the stream ends with the one before it.
func (a *appender) publish(e *track.Tracked, source uint64) (jetstream.PubAckFuture, error) {
	m, err := encode(e, source, a.tracker.State())
	if err != nil {
		return nil, err
	}
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(streamName), jetstream.WithExpectLastSequence(uint64(e.Message.ID - 1)), jetstream.WithRetryAttempts(0)}
	if id := messageID(e.Message, source); id != "" {
		options = append(options, jetstream.WithMsgID(id))
	}
	return a.store.js.PublishMsgAsync(m, options...)
}

// loadAppender reads the last checkpoint, and tracks what was stored after it.
func (s *Store) loadAppender(ctx context.Context) (*appender, error) {
	point, senders, err := s.loadCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	info, err := s.stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	first, last := int64(info.State.FirstSeq), int64(info.State.LastSeq)
	states := make([]*track.SenderState, 0, len(senders))
	counted := map[string]int64{} // the newest message that a sender's state has in it
	for _, sender := range senders {
		states = append(states, sender)
		counted[sender.Sender] = sender.LastID
	}
	replay, state, source := track.New(track.State{}, states), point.State, point.Source
	for from := max(first, point.State.LastID+1, 1); from <= last; from += window {
		batch, err := s.fetch(ctx, from, min(last, from+window-1))
		if err != nil {
			return nil, err
		}
		for i := range batch {
			m := &batch[i]
			if m.ID > counted[m.Sender] {
				replay.Replay(&m.Message)
			}
			state, source = m.State, max(source, m.Source)
		}
	}
	state.LastID = last // the stream's own, whatever became of it
	a := &appender{store: s, source: source, dirty: map[string]*track.SenderState{}}
	replayed, _ := replay.Changes()
	for _, sender := range replayed {
		a.dirty[sender.Sender] = sender
	}
	var all []*track.SenderState
	replay.Senders(func(sender *track.SenderState) { all = append(all, sender) })
	a.tracker = track.New(state, all)
	return a, nil
}

func (s *Store) loadCheckpoint(ctx context.Context) (point checkpoint, senders map[string]*track.SenderState, err error) {
	senders = map[string]*track.SenderState{}
	watcher, err := s.senders.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return point, nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry := <-watcher.Updates():
			if entry == nil {
				return point, senders, nil // all that there is
			}
			if entry.Key() == checkpointKey {
				err = json.Unmarshal(entry.Value(), &point)
			} else {
				sender := &track.SenderState{}
				err = json.Unmarshal(entry.Value(), sender)
				senders[sender.Sender] = sender
			}
			if err != nil {
				return point, nil, fmt.Errorf("read the checkpoint %s: %w", entry.Key(), err)
			}
		case <-ctx.Done():
			return point, nil, ctx.Err()
		}
	}
}

// checkpoint stores the state of the tracker: the senders first.
func (a *appender) checkpoint(ctx context.Context) error {
	if !a.changed && len(a.dirty) == 0 {
		return nil
	}
	var futures []jetstream.PubAckFuture
	for _, sender := range a.dirty {
		text, err := json.Marshal(sender)
		if err != nil {
			return fmt.Errorf("write the checkpoint: %w", err)
		}
		future, err := a.store.js.PublishAsync("$KV."+sendersBucket+"."+senderKey(sender.Sender), text)
		if err != nil {
			return fmt.Errorf("write the checkpoint: %w", err)
		}
		futures = append(futures, future)
	}
	for _, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return fmt.Errorf("write the checkpoint: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	text, err := json.Marshal(checkpoint{a.tracker.State(), a.source})
	if err == nil {
		_, err = a.store.senders.Put(ctx, checkpointKey, text)
	}
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	for _, name := range a.forgotten {
		if err := a.store.senders.Delete(ctx, senderKey(name)); err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return fmt.Errorf("write the checkpoint: %w", err)
		}
	}
	a.dirty, a.forgotten, a.changed = map[string]*track.SenderState{}, nil, false
	return nil
}

func senderKey(name string) string { return "sender." + key(name) }

// cut splits the end of a subject into topic and sender.
func cut(s string) (topic, sender string, ok bool) { return strings.Cut(s, ".") }
