package tui

import (
	"math"
	"sort"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/units"
)

// senders are all senders by name, as the store tells of them.
type senders struct {
	all       []stream.Sender
	intervals []history.Intervals // by name
	rhythms   map[string]rhythm
	choice
}

// A rhythm holds the last intervals of a sender in milliseconds, newest last.
type rhythm [6]uint32

// rhythmsMost bounds how many senders have one.
const rhythmsMost = 10_000

// heard takes in the interval before a message.
func (s *senders) heard(m *stream.Message) {
	if m.Delta == stream.None {
		return
	}
	r, known := s.rhythms[m.Sender]
	if !known && len(s.rhythms) >= rhythmsMost {
		return
	}
	copy(r[:], r[1:])
	r[len(r)-1] = uint32(clamp(int(m.Delta.Milliseconds()), 1, math.MaxInt32))
	s.rhythms[m.Sender] = r
}

// intervalsOf returns the histogram of a sender, or nil.
func (s *senders) intervalsOf(name string) *history.Intervals {
	i := sort.Search(len(s.intervals), func(i int) bool { return s.intervals[i].Sender >= name })
	if i < len(s.intervals) && s.intervals[i].Sender == name {
		return &s.intervals[i]
	}
	return nil
}

// set takes what the store told, which is by name. The selection stays on its
// sender.
func (s *senders) set(all []stream.Sender) {
	on := s.current()
	s.all = all
	if on != nil {
		s.selected = min(s.find(on.Sender), max(len(all)-1, 0))
	}
}

// change takes in one sender whose state changed.
func (s *senders) change(one stream.Sender) {
	i := s.find(one.Sender)
	if i == len(s.all) || s.all[i].Sender != one.Sender {
		s.all = append(s.all, stream.Sender{})
		copy(s.all[i+1:], s.all[i:])
	}
	s.all[i] = one
}

// find returns where a sender is, or would be.
func (s *senders) find(name string) int {
	return sort.Search(len(s.all), func(i int) bool { return s.all[i].Sender >= name })
}

func (s *senders) current() *stream.Sender {
	if s.selected >= len(s.all) {
		return nil
	}
	return &s.all[s.selected]
}

// tally counts the senders in each state.
func (s *senders) tally() map[stream.State]int {
	n := map[stream.State]int{}
	for i := range s.all {
		n[s.all[i].State]++
	}
	return n
}

// stateWords are a state in words: how late, silent for how long, gone when.
func stateWords(s *stream.Sender, now time.Time) string {
	zone := now.Location()
	switch s.State {
	case stream.Late:
		due := s.LastSeen.Add(time.Duration(s.ExpectedMS * float64(time.Millisecond)))
		return "late " + units.Age(now.Sub(due))
	case stream.Silent:
		return "silent " + units.Age(now.Sub(s.LastSeen))
	case stream.Gone:
		return "gone " + s.Since.In(zone).Format("15:04")
	case stream.Lost:
		return "lost " + s.Since.In(zone).Format("15:04")
	}
	return safetext.Clean(string(s.State))
}
