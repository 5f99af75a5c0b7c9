package history_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/memory"
	"hellox/stream/filter"
)

// seeds is how many random histories a test reads.
func seeds() uint64 {
	if testing.Short() {
		return 3
	}
	return 10
}

// Pages of any selection, read to the end in either direction while messages
// are appended, hold each message that matches exactly once, in order, and next
// always moves on. The model matches each message by itself.
func TestPagesHoldEachMessageOnce(t *testing.T) {
	for seed := range seeds() {
		forEachStore(t, func(t *testing.T, b bench) { checkPages(t, b, rand.New(rand.NewPCG(seed, 1)), 0) })
	}
}

// The same while a limit of memory evicts between the pages.
func TestPagesWhileMessagesAreEvicted(t *testing.T) {
	for seed := range seeds() {
		s := memory.New(60_000)
		defer s.Close()
		checkPages(t, bench{s, s, false}, rand.New(rand.NewPCG(seed, 2)), 200)
		if st, err := s.Stats(t.Context()); err != nil || st.Evicted == 0 {
			t.Errorf("nothing was evicted: %+v, %v", st, err)
		}
	}
}

// checkPages reads random pages of b, which begins with at least so many
// messages and gets more between them.
func checkPages(t *testing.T, b bench, random *rand.Rand, least int) {
	t.Helper()
	w, m := historytest.NewWriter(random), &historytest.Model{}
	grow := func(n int) {
		historytest.AppendAll(t, b.local, w.Batch(n)...)
		m.Update(t, b.local)
	}
	for left := least + random.IntN(400); left > 0; left -= 100 {
		grow(min(left, 100))
	}
	for range 25 {
		appends := 0
		m.CheckPages(t, w.Query(t), func(q history.Query) history.Page {
			p, err := b.Messages(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, func() {
			if random.IntN(4) == 0 && appends < 5 {
				appends++
				grow(1 + random.IntN(20))
			}
		})
	}
}

// A follower of any selection, one that leaves and comes back at any time as
// well, gets each message exactly once while messages are appended and evicted.
func TestFollowersGetEachMessageOnce(t *testing.T) {
	for seed := range seeds() {
		random := rand.New(rand.NewPCG(seed, 3))
		for _, limit := range []int64{0, 100_000} {
			s := memory.New(limit)
			defer s.Close()
			w, m := historytest.NewWriter(random), &historytest.Model{}
			historytest.AppendAll(t, s, w.Batch(1+random.IntN(100))...)
			m.Update(t, s)
			follow := history.Follow{After: random.Int64N(int64(w.N)), Select: w.Select(t)}
			writer := *w
			writer.Random = rand.New(rand.NewPCG(seed, 4))
			m.CheckFollow(t, w, follow, func(q history.Follow) history.Follower { return s.Follow(q) }, func() {
				for range 20 {
					if err := s.Append(t.Context(), writer.Batch(1+writer.Random.IntN(100))); err != nil {
						t.Error(err)
						return
					}
					m.Update(t, s)
				}
			})
		}
	}
}

// A page that searches too long ends where it is, and the next one goes on from there:
// nothing is left out between them.
func TestPagesOfASlowSearch(t *testing.T) {
	slow, err := filter.Parse(`topic:other/c payload:~"(x+x+)+y$"`)
	if err != nil {
		t.Fatal(err)
	}
	forEachStore(t, func(t *testing.T, b bench) {
		const messages, each = 150, 24 << 10
		text := strings.Repeat("x", each)
		var want []int64
		for i := range messages {
			end := "z"
			if i%3 == 0 {
				end = "y"
				want = append(want, int64(i+1))
			}
			historytest.AppendAll(t, b.local, historytest.Foreign("other/c", text+end, i))
		}
		for _, fromStart := range []bool{true, false} {
			q := history.Query{FromStart: fromStart, Select: history.Select{Filter: slow}}
			if got := historytest.PageAll(t, b, q); !slices.Equal(got, want) {
				t.Errorf("from the start %v: %d messages, want %d", fromStart, len(got), len(want))
			}
		}
	})
}
