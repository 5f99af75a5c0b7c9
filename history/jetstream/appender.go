package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/subject"
	"hellox/stream/track"
)

// subjectMessages is the broker's stream.
const subjectMessages = subject.MessagesStream

// errStale is the error of an appender behind which another one has appended.
var errStale = errors.New("another receiver has appended")

// An appender is who writes the stream. Where it stands is known from the stream: it
// can be loaded anew at any time.
type appender struct {
	store     *Store
	tracker   *track.Tracker
	stored    checkpoint                    // as of the newest message
	dirty     map[string]*track.SenderState // since the last checkpoint
	forgotten map[string]bool               // since the last checkpoint
	repeated  map[string]repeats            // of each sender after the newest message, which is told with the next one
	revisions map[string]uint64             // of the checkpoint's keys, as they were read or written last
}

// repeats are duplicates of one sender that no message in the stream tells of.
type repeats struct {
	before uint64 // its duplicates without them
	now    track.Counters
}

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
	var rest, repeated []track.Tracked // what the reader does not get
	futures := make(map[int64]jetstream.PubAckFuture, len(arrivals))
	for i := range arrivals {
		source := uint64(0)
		if sources != nil {
			source = sources[i]
		}
		switch e := a.tracker.Track(arrivals[i]); e.Outcome {
		case track.Stored:
			future, err := a.publish(&e, source)
			if err != nil {
				return err
			}
			if futures[e.Message.ID] = future; len(a.repeated) == 0 {
				repeated = repeated[:0] // they came with it
			}
		case track.Duplicate:
			r, again := a.repeated[e.Sender]
			if !again {
				r.before = e.Counters.Duplicates - 1
			}
			r.now = e.Counters
			a.repeated[e.Sender] = r
			repeated = append(repeated, e)
		case track.Ignored:
			rest = append(rest, e)
		}
	}
	var failed error
	for id, future := range futures { // all: what is under way when one fails could be stored later
		sequence, err := settled(ctx, future)
		if err == nil && sequence != uint64(id) {
			err = fmt.Errorf("message %d was stored as %d", id, sequence)
		}
		failed = cmp.Or(failed, err)
	}
	if failed != nil {
		return failed
	}
	forgotten := a.takeChanges()
	err := a.store.applyRest(ctx, a.tracker.State(), len(futures) > 0, rest, repeated)
	a.store.state.Forget(forgotten)
	return err
}

// takeChanges notes what the next checkpoint has to store, and returns the senders that
// the tracker has forgotten.
func (a *appender) takeChanges() (forgotten []string) {
	changed, forgotten := a.tracker.Changes()
	for _, name := range forgotten {
		delete(a.dirty, name)
		a.forgotten[name] = true
	}
	for _, sender := range changed {
		a.dirty[sender.Sender] = sender
		delete(a.forgotten, sender.Sender) // it is back
	}
	return slices.DeleteFunc(forgotten, func(name string) bool { return !a.forgotten[name] })
}

// settled waits for what became of a publish.
func settled(ctx context.Context, future jetstream.PubAckFuture) (sequence uint64, err error) {
	select {
	case ack := <-future.Ok():
		return ack.Sequence, nil
	case err := <-future.Err():
		return 0, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// publish appends one message, if the stream ends with the one before it.
func (a *appender) publish(e *track.Tracked, source uint64) (jetstream.PubAckFuture, error) {
	delete(a.repeated, e.Sender) // e counts them
	state := a.tracker.State()
	m, err := encode(e, source, state, a.takeRepeated(e.Message))
	if err != nil {
		return nil, err
	}
	a.stored = checkpoint{state, max(a.stored.Source, source)}
	options := []jetstream.PublishOpt{jetstream.WithExpectStream(streamName), jetstream.WithExpectLastSequence(uint64(e.Message.ID - 1)), jetstream.WithRetryAttempts(0)}
	if id := messageID(e.Message, source); id != "" {
		options = append(options, jetstream.WithMsgID(id))
	}
	return a.store.js.PublishMsgAsync(m, options...)
}

// takeRepeated returns the senders whose duplicates m tells of: all, unless that makes
// it larger than the server takes. Those left come with the message after it.
func (a *appender) takeRepeated(m *stream.Message) map[string]track.Counters {
	if len(a.repeated) == 0 {
		return nil
	}
	const each = 1 << 10 // bytes, at most
	room := (a.store.conn.MaxPayload() - messageBytes(len(m.Topic), len(m.Payload))) / each
	some := make(map[string]track.Counters)
	for sender, r := range a.repeated {
		if int64(len(some)) >= room {
			break
		}
		some[sender] = r.now
		delete(a.repeated, sender)
	}
	return some
}

// loadAppender reads the last checkpoint, and tracks what was stored after it.
func (s *Store) loadAppender(ctx context.Context) (*appender, error) {
	point, records, revisions, err := s.loadCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	info, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	if c := info.Cluster; c != nil && c.Leader == "" {
		return nil, errNoLeader // a node answers, but what is appended now would get no answer
	}
	first, last := int64(info.State.FirstSeq), int64(info.State.LastSeq)
	counted := make(map[string]int64, len(records)) // the newest message that a sender's record has in it
	all := make([]*track.SenderState, 0, len(records))
	for name, r := range records {
		counted[name] = r.at()
		all = append(all, &r.SenderState)
	}
	replay := track.New(track.State{}, all)
	replayed := map[string]track.Counters{}
	for from := max(first, point.State.LastID+1, 1); from <= last; from += window {
		batch, err := s.fetch(ctx, from, min(last, from+window-1))
		if err != nil {
			return nil, err
		}
		for i := range batch {
			m := &batch[i]
			for sender, counters := range m.Repeated {
				if m.ID > counted[sender] {
					replay.Touch(sender)
					replayed[sender] = counters
				}
			}
			if m.ID > counted[m.Sender] {
				replay.Replay(&m.Message)
				replayed[m.Sender] = m.Counters // with the duplicates, which are not replayed
			}
			point = checkpoint{m.State, max(point.Source, m.Source)}
		}
	}
	a := &appender{store: s, dirty: map[string]*track.SenderState{}, forgotten: map[string]bool{}, repeated: map[string]repeats{}, revisions: revisions}
	changed, _ := replay.Changes()
	for _, sender := range changed {
		if counters, ok := replayed[sender.Sender]; ok {
			sender.Counters = counters
		}
		a.dirty[sender.Sender] = sender
	}
	point.State = endAt(point.State, last)
	a.stored = point
	all = all[:0]
	replay.Senders(func(sender *track.SenderState) { all = append(all, sender) })
	a.tracker = track.New(point.State, all)
	return a, nil
}

// endAt returns the state after the stream's last message, whatever became of those
// behind state.
func endAt(state track.State, last int64) track.State {
	lost := last - state.LastID
	if state.LastID = last; lost > 0 {
		state.Totals.Received += uint64(lost)
		state.Totals.Stored += uint64(lost)
	}
	return state
}

// cut splits the end of a subject into topic and sender.
func cut(s string) (topic, sender string, ok bool) { return strings.Cut(s, ".") }
