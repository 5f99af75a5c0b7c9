package jetstream_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/stream"
	"hellox/stream/track"
)

// TestOpenSourceCatchesUp opens a history to be copied, whose indexer ended before it had
// all that the broker acknowledged: it is all there, once.
func TestOpenSourceCatchesUp(t *testing.T) {
	r := newRig(t)
	o := jetstream.Options{Topics: []string{stream.TopicStream}}
	all, distinct := messages(1500)
	s, c := r.open(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Index(ctx); close(done) }()
	r.publish(all[:700]...)
	until(t, "some are stored", func() bool { return lastID(t, s) >= 100 })
	c.Close() // no checkpoint, no lease given back
	cancel()
	<-done
	if err := r.js.DeleteKeyValue(t.Context(), "HELLOX_LEASE"); err != nil { // as if its time were over
		t.Fatal(err)
	}
	r.publish(all[700:]...)
	if all[len(all)-1].Topic == "hello_world/other" {
		t.Fatal("the last one is to be a duplicate or a broadcast")
	}
	r.publish(all[len(all)-1]) // a duplicate, which no message tells of
	for range 2 {
		source, err := jetstream.OpenSource(t.Context(), r.connect(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastID(t, source); got != int64(distinct) {
			t.Errorf("%d messages, want %d", got, distinct)
		}
		state, _, err := source.Counted(t.Context())
		if err != nil || state.LastID != int64(distinct) || state.Totals.Duplicates != uint64(len(all)+1-distinct) {
			t.Errorf("counted %+v (%v), want %d duplicates", state, err, len(all)+1-distinct)
		}
		if err := source.Close(); err != nil {
			t.Error(err)
		}
	}
	// Topics that receivers do not store are left.
	r.publish(historytest.Foreign("plant/1", "x", 1))
	source, err := jetstream.OpenSource(t.Context(), r.connect(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	p, err := source.Messages(t.Context(), history.Query{Limit: 1})
	if err != nil || len(p.Messages) != 1 || p.Messages[0].Topic == "plant/1" {
		t.Errorf("the newest is %v (%v)", p.Messages, err)
	}
}

// TestImportWithoutTheNewest ends a copy of a history whose newest messages are missing: what
// holds their places is not removed before the reader, which lags, has it.
func TestImportWithoutTheNewest(t *testing.T) {
	const last = 20_000
	r := newRig(t)
	i, err := jetstream.Import(t.Context(), r.connect(), jetstream.Options{}, 1, "it")
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := i.Add(ctx, []stream.Message{{ID: 1, Topic: "plant/1", Sender: "plant/1", Payload: []byte("x"), Received: historytest.Epoch}}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	release := sync.OnceFunc(i.HoldReader())
	defer release()
	go func() { ended <- i.Finish(ctx, track.State{LastID: last}, nil) }()
	until(t, "all places are held", func() bool {
		history, err := r.js.Stream(t.Context(), "HELLOX_HISTORY")
		return err == nil && history.CachedInfo().State.LastSeq == last
	})
	release()
	if err := <-ended; err != nil {
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
