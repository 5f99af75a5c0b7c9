package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/track"
)

// metaCopy is the key of table meta that names what is copied; after history.CopyDone once
// all is.
const metaCopy = "copy"

// OpenSource opens the history at path, which must be there, to be copied.
func OpenSource(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("open history %s: %w", path, history.ErrNoHistory)
	}
	return Open(ctx, path, Options{})
}

// An Importer writes another history into a file, with its IDs. Until Finish the file
// is of no use to others.
type Importer struct {
	*Store
	source string
	done   bool // by another Importer
}

// Import opens an empty file, or one that an Importer of the same source has left.
func Import(ctx context.Context, path, source string) (*Importer, error) {
	s, err := Open(ctx, path, Options{importing: true})
	if err != nil {
		return nil, err
	}
	i := &Importer{s, source, false}
	if err := i.begin(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("copy to %s: %w", path, err), s.Close())
	}
	return i, nil
}

// begin notes what is copied, or finds that it is noted.
func (s *Importer) begin(ctx context.Context) error {
	mark, _, err := readMeta(ctx, s.writer, metaCopy)
	of, done := strings.CutPrefix(string(mark), history.CopyDone)
	switch {
	case err != nil:
		return err
	case mark != nil && of == s.source:
		s.done = done
		return nil
	case mark != nil && !done:
		return history.ErrOtherCopy
	case s.tracker.State().LastID > 0:
		return history.ErrNotEmpty
	}
	return s.writer.Transact(func() error { return writeMeta(s.writer, metaCopy, []byte(s.source)) })
}

// Done reports whether all was copied before.
func (s *Importer) Done() bool { return s.done }

// checkFinished returns an error if the file of s is a copy that was not finished.
func checkFinished(ctx context.Context, s *Store) error {
	mark, _, err := readMeta(ctx, s.writer, metaCopy)
	if err != nil || mark == nil || strings.HasPrefix(string(mark), history.CopyDone) {
		return err
	}
	return &FileError{Path: s.path, Reason: history.ErrUnfinished.Error(), Advice: "Type the hellox history copy again, or delete the file."}
}

// Last returns the ID of the newest message.
func (s *Importer) Last() int64 { return s.last.Load() }

// Add stores messages, which are newer than all stored.
func (s *Importer) Add(ctx context.Context, messages []stream.Message) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := &batch{}
	for i := range messages {
		m := &messages[i]
		one, isNew := s.series.find(m.Topic, m.Sender)
		if isNew {
			b.newSeries = append(b.newSeries, one)
		}
		b.rows = append(b.rows, newRow(m, one, one.count%anchorEvery == 0))
		b.rowSeries = append(b.rowSeries, one)
		s.advance(one, m.ID)
	}
	if s.last.Load() == 0 && len(messages) > 0 {
		s.first.Store(messages[0].ID)
	}
	s.pending = b
	s.tracker.SkipTo(messages[len(messages)-1].ID)
	var err error
	if s.checkpoint, err = s.takeSnapshot(); err != nil {
		return err
	}
	return s.flush(ctx)
}

// Finish stores what is counted besides the messages, and makes the file a history.
func (s *Importer) Finish(ctx context.Context, state track.State, senders []*track.SenderState) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	held, _, err := s.writer.Integer(ctx, "SELECT count(*) FROM m")
	if err != nil {
		return err
	}
	s.tracker = track.New(state, senders)
	for _, sender := range senders {
		s.tracker.Touch(sender.Sender)
	}
	snap, err := s.takeSnapshot()
	if err != nil {
		return err
	}
	evicted := state.Totals.Stored - min(state.Totals.Stored, uint64(held))
	s.evicted.Store(evicted)
	return s.writer.Transact(func() error {
		if err := snap.write(s.writer); err != nil {
			return err
		}
		if err := writeMeta(s.writer, metaEvicted, strconv.AppendUint(nil, evicted, 10)); err != nil {
			return err
		}
		return writeMeta(s.writer, metaCopy, []byte(history.CopyDone+s.source))
	})
}
