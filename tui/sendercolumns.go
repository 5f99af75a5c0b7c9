package tui

import (
	"math"
	"time"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/timeline"
	"hellox/tui/units"
)

// A senderColumn is a column of the senders' table. If not all fit, those of the
// highest rank are left out first.
type senderColumn struct {
	title string
	width int
	rank  int
	left  bool // aligned
	value func(s *stream.Sender, now time.Time) string
}

// fit makes a text as wide as the column.
func (c senderColumn) fit(text string) string {
	if c.left {
		return "  " + cells.Left(text, c.width-2)
	}
	return cells.Right(text, c.width)
}

func senderColumns(pod func(*stream.Sender) string, podW int, failing bool) []senderColumn {
	spread := func(of func(*stream.Spread) float64) func(*stream.Sender, time.Time) string {
		return func(s *stream.Sender, _ time.Time) string {
			if s.IntervalMS == nil {
				return ""
			}
			return units.Delta(stream.FromMillis(of(s.IntervalMS)))
		}
	}
	quantile := func(of func(*stream.Quantile) float64) func(*stream.Sender, time.Time) string {
		return func(s *stream.Sender, _ time.Time) string {
			if s.LatencyMS == nil {
				return ""
			}
			return units.Latency(stream.FromMillis(of(s.LatencyMS)))
		}
	}
	columns := []senderColumn{
		{"last seen", 10, 0, false, func(s *stream.Sender, now time.Time) string {
			if s.LastSeen.IsZero() {
				return "retained" // of unknown age
			}
			return units.Age(now.Sub(s.LastSeen))
		}},
		{"rate 1 min", 11, 1, false, func(s *stream.Sender, _ time.Time) string { return units.Rate(s.Rates.Minute) }},
		{"messages", 9, 6, false, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Messages) }},
		{"min", 9, 4, false, spread(func(s *stream.Spread) float64 { return s.Min })},
		{"mean", 9, 2, false, spread(func(s *stream.Spread) float64 { return s.Mean })},
		{"max", 9, 4, false, spread(func(s *stream.Spread) float64 { return s.Max })},
		{"missed", 7, 0, false, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Missed) }},
		{"reordered", 10, 8, false, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Reordered) }},
		{"duplicates", 11, 9, false, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Duplicates) }},
		{"p50", 8, 3, false, quantile(func(q *stream.Quantile) float64 { return q.P50 })},
		{"p99", 8, 5, false, quantile(func(q *stream.Quantile) float64 { return q.P99 })},
		{"intervals", 2 + recentBars, 1, true, func(s *stream.Sender, _ time.Time) string { return recentIntervals(s, recentBars) }},
	}
	if podW > 0 {
		rank := 5
		if failing {
			rank = 0
		}
		columns = append(columns, senderColumn{"pod", 2 + podW, rank, true, func(s *stream.Sender, _ time.Time) string {
			return cells.Clean(pod(s), podW)
		}})
	}
	return columns
}

// recentBars is how many of the last intervals of a sender the table draws.
const recentBars = 9

// recentIntervals draws the last intervals of a sender in n bars.
func recentIntervals(s *stream.Sender, n int) string {
	recent := s.RecentMS[max(len(s.RecentMS)-n, 0):]
	bars := make([]uint32, len(recent))
	for i, ms := range recent {
		bars[i] = uint32(clamp(int(ms), 1, math.MaxInt32))
	}
	return cells.Spaces(n-len(bars)) + string(timeline.Spark(bars))
}

// fitting returns the columns that fit into w cells.
func fitting(columns []senderColumn, w int) []senderColumn {
	for {
		taken, worst := 0, 0
		for i, c := range columns {
			taken += c.width
			if c.rank >= columns[worst].rank {
				worst = i
			}
		}
		if taken <= w || len(columns) == 0 {
			return columns
		}
		columns = append(columns[:worst], columns[worst+1:]...)
	}
}
