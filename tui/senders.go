package tui

import (
	"sort"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/source"
	"hellox/tui/units"
)

// sendersModel is the tab of senders, and the panel of them beside the list.
type sendersModel struct {
	shared    *shared
	all       []stream.Sender     // by name
	intervals []history.Intervals // by name
	rows      []int               // of all, in the order in which they are shown
	stale     bool                // rows have to be made again
	order     senderOrder
	filter    string // words that a sender has to have; "": all are shown
	selected  string // the sender that is, while there are no rows
	cursor    cursor
	away      time.Time // since when nothing is known of them; zero: it is
}

func newSendersModel(sh *shared) sendersModel {
	return sendersModel{shared: sh}
}

// update takes in messages, states and totals, and keys.
func (s sendersModel) update(msg tea.Msg) sendersModel {
	switch msg := msg.(type) {
	case source.EventsMsg:
		for i := range msg.Events {
			switch e := &msg.Events[i]; {
			case e.Sender != nil:
				s.change(*e.Sender)
			case e.Link != nil:
				s.setLink(e.Link)
			}
		}
	case source.PollMsg:
		if msg.Senders != nil {
			s.set(msg.Senders)
		}
		if msg.Intervals != nil {
			s.intervals = msg.Intervals
		}
	case tea.KeyMsg:
		if key.Matches(msg, s.shared.keys.Sort) {
			s.order, s.stale = (s.order+1)%senderOrders, true
			return s
		}
		navigate(s.shared.keys, &s.cursor, msg)
	default:
		navigate(s.shared.keys, &s.cursor, msg)
	}
	return s
}

// resize fits the cursor to the screen.
func (s *sendersModel) resize(height int) {
	if s.stale {
		s.arrange()
	}
	s.cursor.resize(len(s.rows), height)
}

// set replaces all senders by those that the store lists by name. The selection
// stays on its sender.
func (s *sendersModel) set(all []stream.Sender) {
	if on := s.current(); on != nil {
		s.selected = on.Sender
	}
	s.all, s.rows, s.stale = all, s.rows[:0], true
}

// change adds a sender, or replaces the one of its name.
func (s *sendersModel) change(one stream.Sender) {
	if on := s.current(); on != nil {
		s.selected = on.Sender
	}
	i := s.find(one.Sender)
	if i == len(s.all) || s.all[i].Sender != one.Sender {
		s.all = append(s.all, stream.Sender{})
		copy(s.all[i+1:], s.all[i:])
	}
	s.all[i] = one
	s.rows, s.stale = s.rows[:0], true
}

// setLink takes in the connection that the senders come through.
func (s *sendersModel) setLink(l *stream.Link) {
	s.stale = true
	switch {
	case l.State == stream.Connected:
		s.away = time.Time{}
	case s.away.IsZero():
		s.away = l.Since
		if s.away.IsZero() {
			s.away = s.shared.now()
		}
	}
}

// at returns the sender i as it is shown: without a connection its state is unknown.
func (s *sendersModel) at(i int) *stream.Sender {
	one := s.all[i]
	if !s.away.IsZero() {
		one.State = stream.Unknown
	}
	return &one
}

// find returns the index of a sender, or where it would be inserted.
func (s *sendersModel) find(name string) int {
	return sort.Search(len(s.all), func(i int) bool { return s.all[i].Sender >= name })
}

// current returns the selected sender, or nil.
func (s *sendersModel) current() *stream.Sender {
	if s.cursor.selected >= len(s.rows) {
		return nil
	}
	return &s.all[s.rows[s.cursor.selected]]
}

// intervalsOf returns the histogram of a sender, or of all if the name is ""; nil
// if there is none.
func (s *sendersModel) intervalsOf(name string) *history.Intervals {
	if name == "" {
		if all := history.SumIntervals(s.intervals); all.MaxMS > 0 {
			return &all
		}
		return nil
	}
	i := sort.Search(len(s.intervals), func(i int) bool { return s.intervals[i].Sender >= name })
	if i < len(s.intervals) && s.intervals[i].Sender == name {
		return &s.intervals[i]
	}
	return nil
}

// tally counts the senders in each state.
func (s *sendersModel) tally() map[stream.State]int {
	n := map[stream.State]int{}
	for i := range s.all {
		n[s.at(i).State]++
	}
	return n
}

// stateText describes a state: how late, for how long silent, since when gone, why
// unknown. age formats how long.
func (s *sendersModel) stateText(one *stream.Sender, now time.Time, age func(time.Duration) string) string {
	zone := now.Location()
	switch one.State {
	case stream.Late:
		due := one.LastSeen.Add(stream.FromMillis(one.ExpectedMS))
		return "late " + age(now.Sub(due))
	case stream.Silent:
		return "silent " + age(now.Sub(one.LastSeen))
	case stream.Gone:
		return "gone " + one.Since.In(zone).Format("15:04")
	case stream.Lost:
		return "lost " + one.Since.In(zone).Format("15:04")
	case stream.Unknown:
		switch {
		case !s.away.IsZero():
			if d := now.Sub(s.away); d < 100*time.Second {
				return "away " + units.Elapsed(d)
			}
			return "away " + age(now.Sub(s.away))
		case one.LastSeen.IsZero():
			return "retained"
		case one.Messages == 1 && one.ExpectedMS == 0:
			return "one message"
		}
	}
	return safetext.Clean(string(one.State))
}
