package stream_test

import (
	"testing"

	"hellox/stream"
)

// A sender that is lost comes before one whose pod fails, and that before one that only
// missed messages; what has ended in order is last.
func TestTrouble(t *testing.T) {
	failing := &stream.Pod{Name: "press-1", Phase: "Running", Reason: "OOMKilled"}
	order := []stream.Sender{
		{State: stream.Lost}, {State: stream.OnTime, Pod: failing}, {State: stream.Silent, Missed: 3}, {State: stream.Late},
		{State: stream.OnTime, Missed: 1}, {State: stream.Unknown}, {State: stream.OnTime, Pod: &stream.Pod{Phase: "Running"}}, {State: stream.Gone},
	}
	for i := range order[1:] {
		if order[i].Trouble() >= order[i+1].Trouble() {
			t.Errorf("%+v is not before %+v", order[i], order[i+1])
		}
	}
	if paused := (&stream.Sender{State: stream.Paused}); paused.Trouble() != (&stream.Sender{State: stream.OnTime}).Trouble() {
		t.Error("one that is paused by command is trouble")
	}
}
