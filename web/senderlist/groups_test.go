package senderlist_test

import (
	"maps"
	"testing"

	"hellox/stream"
	"hellox/web/senderlist"
)

// A group is what names share up to their number or their last level; a name that
// shares none with another has no group.
func TestGroups(t *testing.T) {
	want := map[string]string{
		"press-1": "press-", "press-12": "press-", "oven/left": "oven/", "oven/right": "oven/", "a_1": "a_", "a_2": "a_",
		"alone": "", "lamp/1": "", "7": "", "8": "", "": "", "hello_world/x/": "",
	}
	var senders []stream.Sender
	for name := range want {
		senders = append(senders, stream.Sender{Sender: name, State: stream.OnTime, Missed: 1})
	}
	got := senderlist.Groups(senders)
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	senders[0].State = stream.Lost
	sum, worst := senderlist.Sum(senders, got), got[senders[0].Sender]
	n := 0
	for _, g := range sum {
		n += g.Senders
		if int(g.Missed) != g.Senders || g.States[stream.OnTime]+g.States[stream.Lost] != g.Senders {
			t.Errorf("%+v", g)
		}
	}
	if n != len(want) || sum[0].Prefix != worst || sum[0].Worst != stream.Lost || sum[1].Worst != stream.OnTime {
		t.Errorf("%d senders in groups, the first is %q, want %q", n, sum[0].Prefix, worst)
	}
}
