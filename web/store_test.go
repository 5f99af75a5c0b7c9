package web

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/memory"
	"hellox/stream"
)

// A testStore is a real Store in memory, with what only a cluster or a full disk
// would report set by the test.
type testStore struct {
	*memory.Store
	degraded string
	link     stream.Link
	pods     map[string]stream.Pod
	shared   bool
	started  time.Time // of the receiver; zero: when the store was made
}

func newStore(t *testing.T) *testStore { return newStoreOf(t, 0) }

func newStoreOf(t *testing.T, limit int64) *testStore {
	t.Helper()
	s := &testStore{Store: memory.New(limit), link: stream.Link{State: stream.Connected, Since: time.Now()}}
	// Connected for so long that what a test stores of the last hours was heard.
	past := time.Now().Add(-3 * time.Hour)
	for _, state := range []stream.LinkState{stream.Connected, stream.Retrying, stream.Connected} {
		s.SetLink(stream.Link{State: state, Since: past})
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// run updates the senders' states with time until the test ends.
func (s *testStore) run(t *testing.T) *testStore {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, make(chan stream.Arrival)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// Stats returns the store's with what the test set.
func (s *testStore) Stats(ctx context.Context) (history.Stats, error) {
	stats, err := s.Store.Stats(ctx)
	stats.Degraded, stats.Link, stats.Shared = s.degraded, s.link, s.shared
	if !s.started.IsZero() {
		stats.Started = s.started
	}
	return stats, err
}

// Senders returns the store's with the pods that the test set.
func (s *testStore) Senders(ctx context.Context) ([]stream.Sender, error) {
	senders, err := s.Store.Senders(ctx)
	for i := range senders {
		if p, ok := s.pods[senders[i].Sender]; ok {
			senders[i].Pod = &p
		}
	}
	return senders, err
}

// put stores arrivals.
func (s *testStore) put(t testing.TB, arrivals ...stream.Arrival) {
	t.Helper()
	if err := s.Append(context.Background(), arrivals); err != nil {
		t.Fatal(err)
	}
}

// boot is the boot ID of every sender here.
const boot = "01JD0000000000000000000000"

// hello returns a hellox broadcast, received at a time.
func hello(sender string, seq uint64, at time.Time) stream.Arrival {
	return says(sender, seq, at, "Hello world")
}

func says(sender string, seq uint64, at time.Time, text string) stream.Arrival {
	return announces(sender, seq, at, text, 4*time.Second)
}

// steady returns a broadcast after which the sender stays on time however long a test takes.
func steady(sender string, seq uint64, at time.Time) stream.Arrival {
	return announces(sender, seq, at, "Hello world", time.Hour)
}

// announces returns a broadcast that declares when the next one follows.
func announces(sender string, seq uint64, at time.Time, text string, next time.Duration) stream.Arrival {
	h := stream.Hello{Text: text, Sender: sender, Boot: boot, Seq: seq, Sent: at.Add(-1800 * time.Microsecond), Next: next}
	return arrival("hello_world/broadcast/"+sender, h.AppendJSON(nil), at)
}

func arrival(topic string, payload []byte, at time.Time) stream.Arrival {
	return stream.Arrival{Topic: topic, Payload: payload, QoS: 1, Received: at, Ack: func() {}}
}

// hellos returns n broadcasts of press-1, a second apart, the last one now.
func hellos(n int) []stream.Arrival {
	now := time.Now()
	arrivals := make([]stream.Arrival, n)
	for i := range arrivals {
		arrivals[i] = says("press-1", uint64(i+1), now.Add(time.Duration(i+1-n)*time.Second), fmt.Sprintf("Hello %d", i+1))
	}
	return arrivals
}
