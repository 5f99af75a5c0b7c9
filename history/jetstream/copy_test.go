package jetstream_test

import (
	"context"
	"testing"
	"time"

	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/stream"
	"hellox/stream/track"
)

// TestImportWithoutTheNewest ends a copy of a history whose newest messages are missing, so
// many that what holds their places is removed while it is still being read.
func TestImportWithoutTheNewest(t *testing.T) {
	const last = 20_000
	i, err := jetstream.Import(t.Context(), newRig(t).connect(), jetstream.Options{}, 1, "it")
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := i.Finish(ctx, track.State{LastID: last}, nil); err != nil {
		t.Fatal(err)
	}
	one := historytest.Hello("broadcast-0", 1, 1)
	if err := i.AppendFrom(ctx, []stream.Arrival{one}, []uint64{1}); err != nil {
		t.Fatal(err)
	}
	if got := lastID(t, i); got != last+1 {
		t.Errorf("the next message is %d, want %d", got, last+1)
	}
}
