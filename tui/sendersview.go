package tui

import (
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A senderColumn is a column of the senders. Where there is no room for all,
// those of the highest rank go first.
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
			return units.Millis(of(s.IntervalMS))
		}
	}
	quantile := func(of func(*stream.Quantile) float64) func(*stream.Sender, time.Time) string {
		return func(s *stream.Sender, _ time.Time) string {
			if s.LatencyMS == nil {
				return ""
			}
			return units.Latency(time.Duration(of(s.LatencyMS) * float64(time.Millisecond)))
		}
	}
	return []senderColumn{
		{"last seen", 10, 0, func(s *stream.Sender, now time.Time) string {
			if s.LastSeen.IsZero() {
				return "never"
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
		{"twice", 7, 9, func(s *stream.Sender, _ time.Time) string { return units.Count(s.Duplicates) }},
		{"p50", 8, 3, quantile(func(q *stream.Quantile) float64 { return q.P50 })},
		{"p99", 8, 5, quantile(func(q *stream.Quantile) float64 { return q.P99 })},
	}
}

// view paints the senders as a table in w cells.
func (s *senders) view(st *theme.Theme, w int, now time.Time) []string {
	const stateW = 15
	nameW := 8
	for i := s.top; i < len(s.all) && i < s.top+s.height; i++ {
		nameW = max(nameW, cells.Width(cells.Clean(s.all[i].Sender, 40)))
	}
	nameW = min(nameW, max(w/3, 8))
	columns := fitting(senderColumns(), w-1-stateW-1-nameW)

	title := " " + cells.Left("state", stateW) + " " + cells.Left("sender", nameW)
	for _, c := range columns {
		title += cells.Right(c.title, c.width)
	}
	lines := []string{st.Grey.Apply(cells.Cut(title, w))}
	for i := s.top; i < len(s.all) && i < s.top+s.height; i++ {
		one := &s.all[i]
		p := st.Row(i == s.selected)
		var b strings.Builder
		b.WriteString(p.Accent.Apply(pointer(i == s.selected)))
		b.WriteString(p.State(one.State).Apply(cells.Left(theme.Sign(one.State)+" "+stateWords(one, now), stateW)))
		b.WriteString(st.Bar(one.Sender, one.Color, i == s.selected))
		b.WriteString(p.Ink.Apply(cells.Left(cells.Name(one.Sender, one.Ours, nameW), nameW)))
		for _, c := range columns {
			ink := p.Ink
			if c.title == "missed" && one.Missed > 0 {
				ink = p.Red
			}
			b.WriteString(ink.Apply(cells.Right(c.value(one, now), c.width)))
		}
		lines = append(lines, p.Fill(b.String(), w))
	}
	return lines
}

// fitting leaves out columns until the rest fits into w cells.
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
