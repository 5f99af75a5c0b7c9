package jetstream

import (
	"context"

	"hellox/stream"
	"hellox/stream/track"
)

// AppendFrom appends as the indexer does: sources are places in the broker's stream.
func (s *Store) AppendFrom(ctx context.Context, arrivals []stream.Arrival, sources []uint64) error {
	return s.append(ctx, arrivals, sources)
}

// Reload has the next AppendFrom begin where the stream ends, and returns its place in
// the broker's stream.
func (s *Store) Reload(ctx context.Context) (source uint64, err error) { return s.reload(ctx) }

// WriteCheckpoint writes what the indexer writes now and then.
func (s *Store) WriteCheckpoint(ctx context.Context) error { return s.writeCheckpoint(ctx) }

// Tracker returns the tracker that an indexer would go on with.
func (s *Store) Tracker(ctx context.Context) (*track.Tracker, error) {
	a, err := s.loadAppender(ctx)
	if err != nil {
		return nil, err
	}
	return a.tracker, nil
}

// HoldReader has the reader apply nothing until release is called.
func (s *Store) HoldReader() (release func()) {
	s.applying.Lock()
	return s.applying.Unlock
}
