package tui

import (
	"strings"
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// view renders the senders as a table in w cells.
func (s *sendersModel) view(w int, now time.Time) []string {
	th := s.shared.theme
	from, to := s.cursor.visible()
	const stateW = 19 // ○ silent 11 m 05 s and a space
	nameW := 8
	for i := from; i < to; i++ {
		nameW = max(nameW, cells.Width(cells.Topic(s.all[i].Sender, 40)))
	}
	nameW = min(nameW, max(w/3, 8))
	columns := fitting(senderColumns(), w-1-stateW-1-nameW)

	title := " " + cells.Left("state", stateW) + " " + cells.Left("sender", nameW)
	for _, c := range columns {
		title += cells.Right(c.title, c.width)
	}
	lines := []string{th.Grey.Apply(cells.Cut(title, w))}
	for i := from; i < to; i++ {
		one := s.at(i)
		p := th.Row(i == s.cursor.selected)
		var b strings.Builder
		b.WriteString(p.Accent.Apply(pointer(i == s.cursor.selected)))
		b.WriteString(p.State(one.State).Apply(cells.Left(theme.Sign(one.State)+" "+s.stateText(one, now, units.Age), stateW)))
		b.WriteString(th.Bar(one.Sender, one.Color, i == s.cursor.selected))
		b.WriteString(p.Ink.Apply(cells.Left(cells.Name(one.Sender, nameW), nameW)))
		for _, c := range columns {
			style := p.Ink
			if c.title == "missed" && one.Missed > 0 {
				style = p.Red
			}
			b.WriteString(style.Apply(cells.Right(c.value(one, now), c.width)))
		}
		lines = append(lines, p.Fill(b.String(), w))
	}
	return lines
}
