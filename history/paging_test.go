package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/stream"
	"hellox/stream/filter"
)

// Pages of any selection, read to the end in either direction while messages
// are appended, hold each message that matches exactly once, in order, and next
// always moves on. The model reads every message and matches each by itself.
func TestPagesHoldEachMessageOnce(t *testing.T) {
	expressions := []string{"", "sender:s-1", "topic:other/+", "-sender:s-0", "sender:s-2 or topic:other/1", "is:ours", "delta>2ms", "payload.n<5", "nothing"}
	histories := uint64(10)
	if testing.Short() {
		histories = 3
	}
	for seed := range histories {
		forEachStore(t, func(t *testing.T, b bench) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := writer{random: random, senders: 1 + random.IntN(5)}
			// A first sender that falls silent has its newest message before
			// most of what the pages ask for.
			for range random.IntN(4) {
				historytest.AppendAll(t, b.local, w.batch(1+random.IntN(150))...)
			}
			for range 25 {
				f, err := filter.Parse(expressions[random.IntN(len(expressions))])
				if err != nil {
					t.Fatal(err)
				}
				q := history.Query{Select: history.Select{Filter: f}, Limit: 1 + random.IntN(40)}
				switch random.IntN(4) {
				case 0:
					q.Sender = fmt.Sprintf("s-%d", random.IntN(6))
				case 1:
					q.Topics = []string{[]string{"other/+", "hello_world/#", "other/0", "#"}[random.IntN(4)]}
				}
				last := int64(w.n)
				switch random.IntN(3) {
				case 0:
					q.FromStart = true
				case 1:
					q.After = 1 + random.Int64N(last+5)
				case 2:
					q.Before = 1 + random.Int64N(last+1) // what comes later is above it
				}
				appends := 0
				check(t, b, q, func() {
					if random.IntN(4) == 0 && appends < 5 {
						appends++
						historytest.AppendAll(t, b.local, w.batch(1+random.IntN(20))...)
					}
				})
			}
		})
	}
}

// A writer makes arrivals of several senders and topics.
type writer struct {
	random  *rand.Rand
	senders int
	n       int // arrivals so far
	seqs    [8]uint64
}

func (w *writer) batch(size int) []stream.Arrival {
	batch := make([]stream.Arrival, size)
	for i := range batch {
		w.n++
		// Low numbers speak rarely, and at first.
		s := w.random.IntN(w.senders)
		if w.n > 100 && s == 0 {
			s = w.senders
		}
		if w.random.IntN(3) == 0 {
			batch[i] = historytest.Foreign(fmt.Sprintf("other/%d", s), fmt.Sprintf(`{"n":%d}`, w.random.IntN(20)), w.n)
			continue
		}
		w.seqs[s] += 1 + w.random.Uint64N(2)
		batch[i] = historytest.Hello(fmt.Sprintf("s-%d", s), w.seqs[s], w.n)
	}
	return batch
}

// check reads q to its end, calling between after each page, and compares with
// the model.
func check(t *testing.T, b bench, q history.Query, between func()) {
	t.Helper()
	start, got := q, []int64{}
	for pages := 0; ; pages++ {
		p, err := b.Messages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Messages) > q.Limit {
			t.Fatalf("%+v: a page of %d messages", q, len(p.Messages))
		}
		ids := historytest.IDs(p.Messages)
		if q.Forward() {
			if p.Next != 0 && p.Next <= q.After {
				t.Fatalf("%+v: next is %d", q, p.Next)
			}
			got, q.After, q.FromStart = append(got, ids...), p.Next, false
		} else {
			if p.Next != 0 && q.Before > 0 && p.Next >= q.Before {
				t.Fatalf("%+v: next is %d", q, p.Next)
			}
			got, q.Before = append(ids, got...), p.Next
		}
		if p.Next == 0 {
			break
		}
		if pages > 1000 {
			t.Fatalf("%+v: pages without an end", start)
		}
		between()
	}
	want := model(t, b, start, got)
	if !slices.Equal(got, want) {
		t.Fatalf("%+v with filter %q: pages hold %v, want %v", start, start.Filter, got, want)
	}
}

// model is what the pages of q must hold. Going forward, what was appended
// after the last page had been read need not be there.
func model(t *testing.T, b bench, q history.Query, got []int64) []int64 {
	t.Helper()
	want := []int64{}
	for id := max(q.After, 0) + 1; ; id++ {
		m, err := b.Message(t.Context(), id)
		if err != nil {
			break // ids follow one another
		}
		if q.Before > 0 && id >= q.Before {
			break
		}
		if q.MatchSeries(m.Topic, m.Sender) && q.Filter.Match(&m) {
			want = append(want, id)
		}
	}
	if q.Forward() && len(got) > 0 {
		if i := slices.Index(want, got[len(got)-1]); i >= 0 {
			want = want[:i+1]
		}
	}
	return want
}
