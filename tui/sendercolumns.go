package tui

import (
	"time"

	"hellox/stream"
	"hellox/tui/units"
)

// A senderColumn is a column of the senders' table. If not all fit, those of the
// highest rank are left out first.
type senderColumn struct {
	title string
	width int
	rank  int
	value func(s *stream.Sender, now time.Time) string
}

func senderColumns() []senderColumn {
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
	return []senderColumn{
		{"last seen", 10, 0, func(s *stream.Sender, now time.Time) string {
			if s.LastSeen.IsZero() {
				return "retained" // of unknown age
			}
			return units.Age(now.Sub(s.LastSeen))
		}},
		{"rate 1 min", 11, 1, func(s *stream.Sender, _ time.Time) string { return units.Rate(s.Rates.Minute) }},
		{"messages", 9, 6, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Messages) }},
		{"min", 9, 4, spread(func(s *stream.Spread) float64 { return s.Min })},
		{"mean", 9, 2, spread(func(s *stream.Spread) float64 { return s.Mean })},
		{"max", 9, 4, spread(func(s *stream.Spread) float64 { return s.Max })},
		{"missed", 7, 0, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Missed) }},
		{"reordered", 10, 8, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Reordered) }},
		{"duplicates", 11, 9, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Duplicates) }},
		{"p50", 8, 3, quantile(func(q *stream.Quantile) float64 { return q.P50 })},
		{"p99", 8, 5, quantile(func(q *stream.Quantile) float64 { return q.P99 })},
	}
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
