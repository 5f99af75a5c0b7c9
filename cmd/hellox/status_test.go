package main

import (
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// Of the broadcasters that were asked for, those that are paused and have never been
// heard are no senders; they are counted all the same.
func TestStatusCountsPausedBroadcasters(t *testing.T) {
	now := time.Now()
	asked := 3
	s := installationStatus{Broadcasters: &asked, Senders: []stream.Sender{
		{Sender: "broadcast-0", Ours: true, State: stream.OnTime, LastSeen: now},
		{Sender: "broadcast-1", Ours: true, State: stream.Paused, LastSeen: now},
		{Sender: "hello_world/lamp", State: stream.OnTime, LastSeen: now},
	}}
	for _, c := range []struct {
		stats *history.Stats
		want  string
	}{
		{&history.Stats{Paused: 1}, "  3 broadcasters asked for, 2 heard, 1 paused and not heard yet\n"},
		{&history.Stats{}, "  3 broadcasters asked for, 2 heard\n"},
		{nil, "  3 broadcasters asked for\n"},
	} {
		s.Stats = c.stats
		var b strings.Builder
		s.print(&b, now)
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("it prints\n%swithout\n%s", b.String(), c.want)
		}
	}
}
