package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/stream/track"
)

// A checkpoint is where the stream ended: the tracker's state with its newest message,
// and where that one stands in $MQTT_msgs. It is stored in the bucket of senders, under
// checkpointKey: each sender's record beside it is as new, or newer.
type checkpoint struct {
	State  track.State `json:"state"`
	Source uint64      `json:"source"`
}

const checkpointKey = "checkpoint"

// A record is a sender's state in the bucket, with all messages up to one in it.
type record struct {
	track.SenderState
	At int64 `json:"at"` // its ID
}

func (r *record) at() int64 { return max(r.At, r.LastID) }

// errUnanswered is of a bucket that is not read: the nodes do not answer.
var errUnanswered = errors.New("the broker's nodes do not answer")

func senderKey(name string) string { return "sender." + key(name) }

// loadCheckpoint reads the bucket, and the revision of each of its keys. A consumer that is
// asked for while the nodes elect who makes it never comes: it is asked for again.
func (s *Store) loadCheckpoint(ctx context.Context) (point checkpoint, records map[string]*record, revisions map[string]uint64, err error) {
	for _, first := range []time.Duration{answerTimeout, answerTimeout, requestTimeout} {
		point, records, revisions, err = s.readCheckpoint(ctx, first)
		if !errors.Is(err, errUnanswered) {
			break
		}
	}
	return point, records, revisions, err
}

// readCheckpoint is loadCheckpoint, or errUnanswered if the first key takes longer than it may.
func (s *Store) readCheckpoint(ctx context.Context, first time.Duration) (point checkpoint, records map[string]*record, revisions map[string]uint64, err error) {
	records, revisions = map[string]*record{}, map[string]uint64{}
	fail := func(err error) (checkpoint, map[string]*record, map[string]uint64, error) {
		return point, nil, nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	// A key is waited for no longer than an answer: its consumer may have gone with a node.
	idle := time.AfterFunc(first, cancel)
	defer idle.Stop()
	watcher, err := s.senders.WatchAll(watching)
	if err != nil && ctx.Err() == nil && watching.Err() != nil {
		err = errUnanswered
	}
	if err != nil {
		return fail(err)
	}
	defer func() { _ = watcher.Stop() }()
	for {
		select {
		case entry := <-watcher.Updates():
			if entry == nil {
				return point, records, revisions, nil // all that there is
			}
			idle.Reset(requestTimeout)
			revisions[entry.Key()] = entry.Revision()
			switch {
			case entry.Operation() != jetstream.KeyValuePut, entry.Key() == copyKey:
			case entry.Key() == checkpointKey:
				err = json.Unmarshal(entry.Value(), &point)
			default:
				r := &record{}
				err = json.Unmarshal(entry.Value(), r)
				records[r.Sender] = r
			}
			if err != nil {
				return fail(fmt.Errorf("%s: %w", entry.Key(), err))
			}
		case <-watching.Done():
			return fail(cmp.Or(ctx.Err(), errUnanswered))
		}
	}
}

// checkpoint stores what has changed since the last one: first the senders, then where
// the stream ends, then which senders are forgotten. What another receiver has written
// since this one has read it is not written over: then it fails.
func (a *appender) checkpoint(ctx context.Context) error {
	if len(a.dirty) == 0 && len(a.forgotten) == 0 {
		return nil
	}
	var changes []*natsgo.Msg
	for name, sender := range a.dirty {
		r := record{*sender, a.stored.State.LastID}
		if again, ok := a.repeated[name]; ok {
			r.Duplicates = again.before // who goes on from here gets them again
		}
		text, err := json.Marshal(&r)
		if err != nil {
			return fmt.Errorf("write the checkpoint: %w", err)
		}
		changes = append(changes, &natsgo.Msg{Subject: senderKey(name), Data: text})
	}
	text, err := json.Marshal(a.stored)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	end := []*natsgo.Msg{{Subject: checkpointKey, Data: text}}
	var deleted []*natsgo.Msg
	for name := range a.forgotten {
		if a.revisions[senderKey(name)] > 0 {
			deleted = append(deleted, &natsgo.Msg{Subject: senderKey(name), Header: natsgo.Header{"KV-Operation": {"DEL"}}})
		}
	}
	for _, step := range [][]*natsgo.Msg{changes, end, deleted} {
		for some := range slices.Chunk(step, batchMessages) {
			if err := a.put(ctx, some); err != nil {
				return fmt.Errorf("write the checkpoint: %w", err)
			}
		}
	}
	maps.DeleteFunc(a.dirty, func(name string, _ *track.SenderState) bool {
		_, again := a.repeated[name]
		return !again // else its duplicates are for the next one
	})
	clear(a.forgotten)
	return nil
}

// put writes keys of the bucket, whose subjects are their names, each if its revision
// is the one that is known. It waits for all, also when one fails: what is under way
// then could be stored later.
func (a *appender) put(ctx context.Context, changes []*natsgo.Msg) error {
	futures := make(map[string]jetstream.PubAckFuture, len(changes))
	for _, m := range changes {
		name := m.Subject
		m.Subject = "$KV." + sendersBucket + "." + name
		future, err := a.store.js.PublishMsgAsync(m, jetstream.WithExpectLastSequencePerSubject(a.revisions[name]))
		if err != nil {
			return err
		}
		futures[name] = future
	}
	var failed error
	for name, future := range futures {
		revision, err := settled(ctx, future)
		if err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
			continue
		}
		a.revisions[name] = revision
	}
	return failed
}
