package journal

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A keeper is a consumer that acknowledges nothing.
type keeper uint64

func (k keeper) Number() uint64 { return uint64(k) }

func (k keeper) Sent() (SentRow, bool) { return SentRow{}, false }

func (k keeper) Row() (SessionRow, bool) {
	return SessionRow{ID: fmt.Sprint("keeper", k), Number: uint64(k)}, true
}

// A testWaiter is told when its message is on disk.
type testWaiter struct{ released chan uint64 }

func (w testWaiter) Release(seq uint64) { w.released <- seq }
func (w testWaiter) Refuse(string)      { close(w.released) }

// testJournal opens and starts a journal, which ends with the test.
func testJournal(t *testing.T, folder string) *Journal {
	t.Helper()
	j := openJournal(t, folder)
	j.Start()
	return j
}

// openJournal opens a journal that writes nothing until it is started. It ends with
// the test.
func openJournal(t *testing.T, folder string) *Journal {
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
	j := testJournal(t, t.TempDir())
	q := j.NewQueue(keeper(1), "", 0, true)
	w := testWaiter{make(chan uint64, 1)}
	seq, err := j.Append(&Message{Topic: "x", Payload: []byte("1"), QoS: 1}, NewGroup([]*Queue{q}), w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if j.Await(w, seq) {
		<-w.released
	}
	forgetMessages(j)
	if got, upTo, err := j.Fetch(q, 0); err != nil || len(got) != 1 || string(got[0].Payload) != "1" || upTo != seq {
		t.Fatalf("got %v up to %d, %v", got, upTo, err)
	}
	j.file.mu.Lock()
	err = j.file.conn.Exec("DELETE FROM batch")
	j.file.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := j.Fetch(q, 0); err == nil {
		t.Errorf("a message that is lost is fetched as %v", got)
	}
	j.End(q)
	if got, upTo, err := j.Fetch(q, 0); err != nil || len(got) != 0 || upTo != 0 {
		t.Errorf("got %v up to %d, %v", got, upTo, err)
	}
}

// forgetMessages makes a journal read everything from the file.
func forgetMessages(j *Journal) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored.complete()
	for _, s := range j.stored.segments {
		for _, b := range s.batches {
			j.stored.uncache(b)
		}
	}
}
