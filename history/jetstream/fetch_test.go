package jetstream_test

import (
	"testing"

	"hellox/history"
	"hellox/history/jetstream"
)

// TestFetchAsksAgain has a question for messages go to a node that does not answer, as to
// one that was cut off a moment ago: another one is asked.
func TestFetchAsksAgain(t *testing.T) {
	r := newRig(t)
	s, _ := r.open(jetstream.Options{})
	all, distinct := messages(30)
	if err := s.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	other := r.connect()
	for lost := 0; lost == 0; {
		node, err := other.QueueSubscribeSync("$JS.API.DIRECT.GET.HELLOX_HISTORY", "_zz_") // the group of nats-server
		if err != nil {
			t.Fatal(err)
		}
		if err := node.AutoUnsubscribe(1); err != nil {
			t.Fatal(err)
		}
		if err := other.Flush(); err != nil {
			t.Fatal(err)
		}
		page, err := s.Messages(t.Context(), history.Query{Limit: distinct})
		if err != nil || len(page.Messages) != distinct {
			t.Fatalf("%d messages of %d, %v", len(page.Messages), distinct, err)
		}
		if lost, _, err = node.Pending(); err != nil {
			lost = 1 // it has ended with the one that it got
		}
		_ = node.Unsubscribe() // it may have ended
	}
}
