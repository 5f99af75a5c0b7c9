package tui

import (
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
)

// listModel is the tab of messages: a part of the stream in ID order, bounded
// by bytes, and the reader's place in it.
type listModel struct {
	shared    *shared
	items     []item
	used      int64 // bytes, as weight counts them
	budget    int64
	last      int64 // the newest ID received
	older     int64 // before which older ones may be read; 0: there are none
	loading   bool  // an older page is being read
	full      bool  // older ones do not fit
	following bool
	top       int           // the first item on the screen, unless following
	skip      int           // how many of its lines are above the screen
	selected  int           // unless following: then it is the newest
	fresh     uint64        // received since the reader stopped following
	skipped   bool          // some of those did not fit and are read again later
	dropped   uint64        // messages that the store did not deliver
	stats     history.Stats // of the whole history
	height    int
	zone      *time.Location
}

func newListModel(sh *shared, budget int64, zone *time.Location) listModel {
	return listModel{shared: sh, budget: budget, zone: zone, following: true}
}

// update takes messages in, and keys.
func (l listModel) update(msg tea.Msg) listModel {
	switch msg := msg.(type) {
	case source.NewestMsg:
		l.show(msg.Page)
		l.last = max(l.last, msg.Stats.LastID)
		l.stats = msg.Stats
	case source.PollMsg:
		if msg.Err == nil {
			l.stats = msg.Stats
		}
	case source.OlderMsg:
		if msg.Err != nil {
			l.loading, l.older = false, 0
		} else {
			l.prepend(msg.Page)
		}
	case source.EventsMsg:
		l.apply(msg.Events)
	case tea.KeyMsg:
		if key.Matches(msg, l.shared.keys.Pause) {
			l.hold()
		} else {
			navigate(l.shared.keys, &l, msg)
		}
	default:
		navigate(l.shared.keys, &l, msg)
	}
	return l
}

// apply takes in a batch of events.
func (l *listModel) apply(events []history.Event) {
	for i := range events {
		switch e := &events[i]; {
		case e.Message != nil:
			l.push(e.Message)
		case e.Evicted > 0:
			l.drop(e.Evicted)
		}
	}
	l.trim()
}

// loadOlder reads the page before the oldest message held, if the reader comes
// near to it.
func (l listModel) loadOlder() (listModel, tea.Cmd) {
	if !l.wantsOlder() {
		return l, nil
	}
	l.loading = true
	sh := l.shared
	return l, sh.src.Older(sh.gen, l.older, sh.since, sh.sel)
}

// wantsOlder reports whether an older page should be read: the reader is within
// a screen of the oldest message held, or the screen is not filled.
func (l *listModel) wantsOlder() bool {
	if l.older == 0 || l.loading || l.full {
		return false
	}
	if l.following {
		return len(l.items) < l.height
	}
	return l.top < l.height
}

// current returns the selected message, or nil.
func (l *listModel) current() *stream.Message {
	i := l.selected
	if l.following {
		i = len(l.items) - 1
	}
	for ; i >= 0 && i < len(l.items); i-- {
		if m := l.items[i].message; m != nil {
			return m
		}
	}
	return nil
}
