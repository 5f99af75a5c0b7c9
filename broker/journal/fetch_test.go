package journal

import (
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A keeper is a consumer that acknowledges nothing.
type keeper struct {
	mu      sync.Mutex
	pending []uint64 // keys of batches that hold something for it
}

func (k *keeper) Number() uint64 { return 1 }

func (k *keeper) Row() (SessionRow, bool) { return SessionRow{ID: "keeper", Number: 1}, true }
func (k *keeper) Sent() (SentRow, bool)   { return SentRow{}, false }

func (k *keeper) Committed(oldKey, newKey uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.pending); n > 0 && k.pending[n-1] == oldKey {
		k.pending = k.pending[:n-1]
	}
	k.pending = append(k.pending, newKey)
	return true
}

// A testWaiter is told when its message is on disk.
type testWaiter struct{ released chan uint64 }

func (w testWaiter) Release(seq uint64) { w.released <- seq }
func (w testWaiter) Refuse(string)      { close(w.released) }

// testJournal opens and starts a journal, which ends with the test.
func testJournal(t *testing.T, folder string) *Journal {
	t.Helper()
	j, err := Open(Options{
		Folder: folder, Retained: func(string) *Message { return nil }, Recovered: func() {}, Log: slog.New(slog.DiscardHandler),
		Metrics: Metrics{
			Bytes: prometheus.NewGauge(prometheus.GaugeOpts{}), Degraded: prometheus.NewGauge(prometheus.GaugeOpts{}),
			Commits: prometheus.NewHistogram(prometheus.HistogramOpts{}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	j.Start()
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

// A feeder may ask for what was deleted a moment ago, for its session has
// ended: that is no failure of the store. What a session needs and is not there
// is one.
func TestFetchOfWhatIsGone(t *testing.T) {
	j, k := testJournal(t, t.TempDir()), &keeper{}
	w := testWaiter{make(chan uint64, 1)}
	seq, err := j.Append(&Message{Topic: "x", Payload: []byte("1"), QoS: 1}, []Consumer{k}, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.Await(w, seq) {
		<-w.released
	}
	keys := k.pending
	j.mu.Lock()
	for _, b := range j.stored.batches {
		j.stored.uncache(b)
	}
	j.mu.Unlock()
	if got, err := j.Fetch(keys); err != nil || len(got) != 1 || string(got[0].Messages[0].Payload) != "1" {
		t.Fatalf("got %v, %v", got, err)
	}
	j.file.mu.Lock()
	err = j.file.conn.Exec("DELETE FROM batch")
	j.file.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := j.Fetch(keys); err == nil {
		t.Errorf("a message that is lost is fetched as %v", got)
	}
	j.Release(keys)
	if got, err := j.Fetch(keys); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}
