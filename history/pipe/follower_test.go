package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/pipe"
	"hellox/stream"
	"hellox/stream/filter"
)

// arrival returns an arrival that counts its acknowledgements.
func arrival(topic, payload string, acked *int) stream.Arrival {
	return stream.Arrival{Topic: topic, Payload: []byte(payload), Received: time.Now(), Ack: func() { *acked++ }}
}

// next returns copies of the events of one Next.
func next(t *testing.T, f *pipe.Follower) []history.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	events, err := f.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return append([]history.Event{}, events...)
}

// TestFollower holds that every message selected comes once, in order, with the
// IDs and deltas of the run, and that everything is acknowledged.
func TestFollower(t *testing.T) {
	expression, err := filter.Parse("payload=x")
	if err != nil {
		t.Fatal(err)
	}
	in, acked := make(chan stream.Arrival, 3000), 0
	f := pipe.Follow(in, history.Select{Filter: expression})
	const count = 1000
	for i := range count {
		in <- arrival(fmt.Sprintf("a/%d", i%3), "x", &acked)
		in <- arrival("a/b", "y", &acked)
		in <- arrival("hellox/presence/a", `{"state":"here"}`, &acked) // no part of the stream
	}
	var got []*stream.Message
	for len(got) < count {
		for _, e := range next(t, f) {
			got = append(got, e.Message)
		}
	}
	for i, m := range got {
		if m.ID != int64(2*i+1) || m.Topic != fmt.Sprintf("a/%d", i%3) || (m.Delta == stream.None) != (i < 3) {
			t.Fatalf("message %d is %+v", i, m)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Next(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for len(in) > 0 {
		_, _ = f.Next(ctx)
	}
	if acked != 3*count {
		t.Errorf("%d acknowledged of %d", acked, 3*count)
	}
}

// TestFollowerReadsNothingAhead holds that what is not asked for stays where it is.
func TestFollowerReadsNothingAhead(t *testing.T) {
	in, acked := make(chan stream.Arrival), 0
	f := pipe.Follow(in, history.Select{})
	go func() { in <- arrival("a", "x", &acked) }()
	next(t, f)
	select {
	case in <- arrival("a", "x", &acked):
		t.Error("an arrival was read that was not asked for")
	case <-time.After(10 * time.Millisecond):
	}
}

// TestFollowerBoundsWhatItTakes holds that one Next takes no more of large
// messages than its bound.
func TestFollowerBoundsWhatItTakes(t *testing.T) {
	in, acked := make(chan stream.Arrival, 16), 0
	f := pipe.Follow(in, history.Select{})
	for range cap(in) {
		in <- arrival("a", string(make([]byte, 300<<10)), &acked)
	}
	if n := len(next(t, f)); n != 4 {
		t.Errorf("%d messages of 300 KiB at once", n)
	}
}

// TestFollowerLinks holds that changes of the link are told, and that nothing waits
// for that.
func TestFollowerLinks(t *testing.T) {
	f := pipe.Follow(make(chan stream.Arrival), history.Select{})
	f.SetLink(stream.Link{State: stream.Connected})
	if e := next(t, f); len(e) != 1 || e[0].Link.State != stream.Connected {
		t.Errorf("%+v", e)
	}
	for range 100 {
		f.SetLink(stream.Link{State: stream.Retrying})
	}
	f.SetLink(stream.Link{State: stream.Ended})
	if e := next(t, f); e[len(e)-1].Link.State != stream.Ended {
		t.Errorf("%+v", e)
	}
}

func TestFollowerEnds(t *testing.T) {
	in := make(chan stream.Arrival)
	f := pipe.Follow(in, history.Select{})
	ended := make(chan error, 1)
	go func() { _, err := f.Next(t.Context()); ended <- err }()
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; !errors.Is(err, history.ErrClosed) {
		t.Error(err)
	}
	close(in)
	f = pipe.Follow(in, history.Select{})
	if _, err := f.Next(t.Context()); !errors.Is(err, history.ErrClosed) {
		t.Error(err)
	}
}
