package tui

import (
	"slices"
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
	at        int64 // up to here nothing newer than the items is selected; 0: not known
	older     int64 // before which older ones may be read; 0: there are none
	reading   bool  // another part of the history, or another selection
	loading   bool  // an older page is being read
	following bool
	top       int           // the first item on the screen, unless following
	skip      int           // how many of its lines are above the screen
	selected  int           // unless following: then it is the newest
	fresh     uint64        // received since the reader stopped following
	detached  bool          // newer ones than the last item are not held; they are in the store
	newer     bool          // a newer page is being read
	asked     int64         // what unheld was when that page was asked for
	unheld    int64         // the newest ID received that is not held
	keep      int           // the line of the screen for the place that is read
	dropped   uint64        // messages that the store did not deliver
	shown     int64         // ID of the message that the detail beside the list shows; 0: none
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
		l.reading = false
		l.show(&msg)
		l.last = max(l.last, msg.Stats.LastID)
		l.stats = msg.Stats
	case source.PollMsg:
		if msg.Err == nil {
			l.stats = msg.Stats
		}
	case source.PageMsg:
		switch {
		case msg.Newer:
			l.append(&msg)
		case msg.Err != nil:
			l.loading, l.older = false, 0
		default:
			l.prepend(msg.Page)
		}
	case source.EventsMsg:
		l.apply(msg.Events)
	case tea.KeyMsg:
		if key.Matches(msg, l.shared.keys.Pause) {
			l.pause()
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
		case e.Anew:
			l.last, l.dropped = 0, 0
		}
	}
	l.trim()
}

// load reads the page before the oldest message held, or after the newest, if the
// reader comes near to it.
func (l listModel) load() (listModel, tea.Cmd) {
	sh := l.shared
	switch {
	case l.wantsOlder():
		l.loading = true
		return l, sh.src.Older(sh.gen, l.older, sh.since, sh.sel)
	case l.wantsNewer():
		l.newer, l.asked = true, l.unheld
		return l, sh.src.Newer(sh.gen, l.newest(), sh.since, sh.sel)
	}
	return l, nil
}

// wantsOlder reports whether an older page should be read: the reader is within
// a screen of the oldest message held, or the screen is not filled.
func (l *listModel) wantsOlder() bool {
	if l.older == 0 || l.loading || l.reading {
		return false
	}
	if l.following {
		return len(l.items) < l.height
	}
	return l.top < l.height
}

// wantsNewer reports whether a newer page should be read: there is one, and the
// reader is within a screen of the newest message held.
func (l *listModel) wantsNewer() bool {
	return l.detached && !l.newer && !l.loading && !l.reading && !l.following && l.top+2*l.height > len(l.items)
}

// newest returns the ID of the newest message held, or where a search for newer
// ones has come to.
func (l *listModel) newest() int64 {
	for i := len(l.items) - 1; i >= 0; i-- {
		if m := l.items[i].message; m != nil {
			return max(m.ID, l.at)
		}
	}
	return l.at
}

// locate selects the message with an ID, and reports whether it is held.
func (l *listModel) locate(id int64) bool {
	i := slices.IndexFunc(l.items, func(one item) bool { return one.message != nil && one.message.ID == id })
	if i >= 0 {
		l.pause()
		l.selected = i
		if i < l.top || i > l.bottom() {
			l.top = max(i-l.height/2, 0)
		}
		l.reveal()
	}
	return i >= 0
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
