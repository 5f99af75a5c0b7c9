package timeline

import (
	"context"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
)

// maxGaps bounds the gaps that are held; the oldest are dropped first.
// maxGapPages bounds the pages that one answer reads; the next one continues
// from there.
const (
	maxGaps     = 10_000
	maxGapPages = 8
)

// gaps holds where sequence numbers are missing, as far as the history has been
// searched.
type gaps struct {
	begun     bool
	low, high int64 // searched: ids above low, up to and including high
	found     []gap // in id order
}

type gap struct {
	id     int64
	at     time.Time
	missed uint64
}

// extend searches the messages added since the last call, and older ones down
// to the id from.
func (g *gaps) extend(ctx context.Context, store history.Store, stats *history.Stats, from int64) error {
	filter, err := filter.Parse("is:missed")
	if err != nil {
		return err
	}
	if !g.begun {
		g.begun, g.low, g.high = true, stats.LastID, stats.LastID
	}
	missed := history.Select{Filter: filter}
	for range maxGapPages {
		if g.high >= stats.LastID {
			break
		}
		page, err := store.Messages(ctx, history.Query{After: g.high, FromStart: g.high == 0, Select: missed, Limit: 1000})
		if err != nil {
			return err
		}
		g.found = appendGaps(g.found, page.Messages)
		if page.Next == 0 {
			g.high = stats.LastID // read before the page was: no message is skipped
		} else {
			g.high = page.Next
		}
	}
	for range maxGapPages {
		if g.low < max(from, stats.FirstID) || len(g.found) >= maxGaps {
			break
		}
		page, err := store.Messages(ctx, history.Query{Before: g.low + 1, Select: missed, Limit: 1000})
		if err != nil {
			return err
		}
		g.found = append(appendGaps(nil, page.Messages), g.found...)
		g.low = max(0, page.Next-1)
	}
	if extra := len(g.found) - maxGaps; extra > 0 {
		g.low = g.found[extra-1].id
		g.found = append(g.found[:0], g.found[extra:]...)
	}
	return nil
}

func appendGaps(to []gap, messages []stream.Message) []gap {
	for i := range messages {
		if m := &messages[i]; m.Missed > 0 && (len(to) == 0 || to[len(to)-1].id < m.ID) {
			to = append(to, gap{m.ID, m.Received, m.Missed})
		}
	}
	return to
}
