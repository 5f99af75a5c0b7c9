package tui

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// panel renders the senders beside the list in w cells: state, rhythm and last
// interval of each, and its pod where that is in trouble; at the foot the intervals
// of the sender of, or of all if that is "".
func (s *sendersModel) panel(w, height int, now time.Time, of string) []string {
	th := s.shared.theme
	const tall = 24 // the histogram takes no more than a third of what is higher
	var foot []string
	if in := s.intervalsOf(of); in != nil && height > tall {
		foot = histogram(th, in, w)
	}
	n := s.tally()
	head := " " + units.Plural(len(s.all), "sender")
	for _, state := range []stream.State{stream.OnTime, stream.Late, stream.Silent, stream.Paused, stream.Gone, stream.Lost, stream.Unknown} {
		if n[state] > 0 {
			head += fmt.Sprintf("  %s %d", theme.Sign(state), n[state])
		}
	}
	lines := []string{th.Grey.Apply(cells.Cut(head, w))}
	room := height - len(foot) - 1
	for row, i := range s.rows {
		if len(lines) >= room && row < len(s.rows)-1 {
			lines = append(lines, th.Grey.Apply(cells.Cut(" … "+units.Count(uint64(len(s.rows)-row))+" more (3)", w)))
			break
		}
		lines = append(lines, s.panelLine(s.at(i), w, now))
		if one := &s.all[i]; podTroubled(one) && len(lines) < room {
			lines = append(lines, "   "+th.Grey.Apply(cells.Clean("pod "+podText(one), w-4)))
		}
	}
	for len(lines) < height-len(foot) {
		lines = append(lines, "")
	}
	return append(lines, foot...)
}

// podText describes a sender's pod; its name only if it is another one than the sender's.
func podText(s *stream.Sender) string {
	pod, text := s.Pod, ""
	if pod == nil {
		return ""
	}
	if pod.Name != s.Sender {
		text = pod.Name + " "
	}
	return strings.TrimSpace(text + pod.Phase + " " + pod.Reason)
}

// podTroubled reports whether a sender's pod does not run, or ended for a reason.
func podTroubled(s *stream.Sender) bool {
	return s.Pod != nil && (s.Pod.Phase != "Running" || s.Pod.Reason != "")
}

// podState describes it in a word: what is wrong, else its phase.
func podState(s *stream.Sender) string {
	if s.Pod == nil {
		return ""
	}
	return cmp.Or(s.Pod.Reason, s.Pod.Phase)
}

// panelLine renders one sender.
func (s *sendersModel) panelLine(one *stream.Sender, w int, now time.Time) string {
	th := s.shared.theme
	const textW, recentBars = 11, 6
	text := s.stateText(one, now, units.Brief)
	if one.State == stream.OnTime {
		text = ""
		if one.IntervalMS != nil {
			text = units.Delta(stream.FromMillis(one.IntervalMS.Last))
		}
	}
	nameW := max(w-4-1-recentBars-1-textW-1, 4)
	return " " + th.State(one.State).Apply(theme.Sign(one.State)) + " " + th.Bar(one.Sender, one.Color, false) +
		cells.Left(cells.Name(one.Sender, nameW), nameW) + " " +
		th.Accent.Apply(recentIntervals(one, recentBars)) + " " + th.Grey.Apply(cells.Right(text, textW))
}

// histogram renders the distribution of a sender's intervals, or of all. Bins of
// what the sender declares reach from the shortest to the longest of that.
func histogram(th *theme.Theme, in *history.Intervals, w int) []string {
	name := cells.Topic(in.Sender, w-12)
	if in.Sender == "" {
		name = "all"
	}
	from := stream.FromMillis(in.FromMS)
	to := from + stream.FromMillis(float64(len(in.Counts))*in.StepMS)
	lines := []string{
		th.Hair.Apply(cells.Repeat("─", w)),
		" " + th.Grey.Apply("intervals, ") + name,
		" " + th.Spark(spread(in.Counts, w-2)),
		th.Grey.Apply(cells.Ends(" "+units.Bound(from), units.Bound(to), w)),
		cells.Cut(fmt.Sprintf(" min %.3f  mean %.3f  max %.3f", in.MinMS/1000, in.MeanMS/1000, in.MaxMS/1000), w),
	}
	outside, uniform := declaredTexts(in.Declared)
	return append(lines, th.Grey.Apply(cells.Cut(" "+outside, w)), th.Grey.Apply(cells.Cut(" "+uniform, w)))
}

// declaredTexts compares intervals with what is declared: numbers, no verdict. Both
// are empty without a declaration, uniform also where too few are compared.
func declaredTexts(d *history.Declared) (outside, uniform string) {
	if d == nil {
		return "", ""
	}
	of := "by each"
	if d.MaxMS > 0 {
		of = units.Span(stream.FromMillis(d.MinMS), stream.FromMillis(d.MaxMS))
	}
	outside = "declared " + of + ": " + units.Count(d.Beyond) + " of " + units.Count(d.Count) + " outside"
	switch {
	case d.P == nil:
	case *d.P < 0.001:
		uniform = "uniform within: p < 0.001"
	case *d.P < 0.1:
		uniform = fmt.Sprintf("uniform within: p %.3f", *d.P)
	default:
		uniform = fmt.Sprintf("uniform within: p %.2f", *d.P)
	}
	return outside, uniform
}

// spread distributes bins over at most n bars: a bar may take several bins, or a
// bin several bars.
func spread(counts []uint64, n int) []uint32 {
	if len(counts) == 0 {
		return nil
	}
	each, times := max((len(counts)+n-1)/max(n, 1), 1), max(n/len(counts), 1)
	bars := make([]uint32, (len(counts)+each-1)/each*times)
	for i, c := range counts {
		for j := range times {
			bars[i/each*times+j] += uint32(min(c, math.MaxUint32>>8))
		}
	}
	return bars
}
