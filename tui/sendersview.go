package tui

import (
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// pods returns what describes the pods in a table of w cells, the width of that on
// the screen, 0 if nothing is known, and whether one of them fails.
func (s *sendersModel) pods(w int) (text func(*stream.Sender) string, n int, failing bool) {
	const most, room = 32, 120
	if text = podText; w < room {
		text = podState
	}
	from, to := s.cursor.visible()
	for _, i := range s.rows[from:to] {
		one := &s.all[i]
		n = max(n, cells.Width(cells.Clean(text(one), most)))
		failing = failing || podTroubled(one)
	}
	return text, n, failing
}

// state describes for the foot what is shown, and in which order.
func (s *sendersModel) state() string {
	state := senderOrderNames[s.order] + " "
	if s.filter != "" {
		state = units.Count(uint64(len(s.rows))) + " of " + units.Count(uint64(len(s.all))) + "  " + state
	}
	return state
}

// view renders the senders as a table in w cells.
func (s *sendersModel) view(w int, now time.Time) []string {
	th := s.shared.theme
	from, to := s.cursor.visible()
	const stateW = 19 // ○ silent 11 m 05 s and a space
	nameW := 8
	for i := from; i < to; i++ {
		nameW = max(nameW, cells.Width(cells.Name(s.all[s.rows[i]].Sender, 40)))
	}
	nameW = min(nameW, max(w/4, 13)) // at 80 cells the last intervals have room
	columns := fitting(senderColumns(s.pods(w)), w-1-stateW-1-nameW)

	title := " " + cells.Left("state", stateW) + " " + cells.Left("sender", nameW)
	for _, c := range columns {
		title += c.fit(c.title)
	}
	lines := []string{th.Grey.Apply(cells.Cut(title, w))}
	for i := from; i < to; i++ {
		one := s.at(s.rows[i])
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
			b.WriteString(style.Apply(c.fit(c.value(one, now))))
		}
		lines = append(lines, p.Fill(b.String(), w))
	}
	return lines
}
