package timeline

import (
	"context"
	"sync"
	"time"

	"hellox/history"
)

// starts knows at which id a time begins, for times that lie in the past.
type starts struct {
	store history.Store

	mu  sync.Mutex
	ids map[int64]int64 // by Unix nanoseconds; only those that cannot change
}

// at returns the id of the first message received at or after a time, or the
// least id that the next message can get.
func (s *starts) at(ctx context.Context, stats *history.Stats, at time.Time) (int64, error) {
	switch {
	case stats.FirstID == 0 || at.After(stats.Newest):
		return stats.LastID + 1, nil
	case !at.After(stats.Oldest):
		return stats.FirstID, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, ok := s.ids[at.UnixNano()]; ok {
		return max(id, stats.FirstID), nil
	}
	page, err := s.store.Messages(ctx, history.Query{FromStart: true, Since: at, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(page.Messages) == 0 {
		return stats.LastID + 1, nil
	}
	id := page.Messages[0].ID
	if s.ids == nil || len(s.ids) > 16*MaxBins {
		s.ids = map[int64]int64{} // bounded: clients choose spans and steps
	}
	s.ids[at.UnixNano()] = id
	return id, nil
}
