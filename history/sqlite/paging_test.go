package sqlite

import (
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/historytest"
)

// seeds is how many random histories a test reads.
func seeds() uint64 {
	if testing.Short() {
		return 2
	}
	return 5
}

// A clock that moves with the messages makes retention evict what is older than
// 200 of them.
func openRetaining(t *testing.T) (s *Store, evict func(n int)) {
	var mu sync.Mutex
	now := historytest.Epoch
	s = openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{KeepFor: 200 * time.Millisecond, now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	return s, func(n int) {
		mu.Lock()
		now = historytest.Epoch.Add(time.Duration(n) * time.Millisecond)
		mu.Unlock()
		evictAll(t, s)
	}
}

// Pages hold each message that is stored exactly once, in order, also while
// messages are appended and evicted between them.
func TestPagesWhileMessagesAreEvicted(t *testing.T) {
	for seed := range seeds() {
		random := rand.New(rand.NewPCG(seed, 1))
		s, evict := openRetaining(t)
		w, m := historytest.NewWriter(random), &historytest.Model{}
		grow := func(n int) {
			historytest.AppendAll(t, s, w.Batch(n)...)
			m.Update(t, s)
		}
		for range 3 {
			grow(100 + random.IntN(100))
		}
		for range 25 {
			changes := 0
			m.CheckPages(t, w.Query(t), func(q history.Query) history.Page {
				p, err := s.Messages(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}, func() {
				changes++
				switch what := random.IntN(8); {
				case changes > 30:
				case what == 0:
					grow(1 + random.IntN(20))
				case what == 1:
					evict(w.N)
					m.Update(t, s)
				}
			})
		}
		if s.evicted.Load() == 0 {
			t.Error("nothing was evicted")
		}
	}
}

// A follower that leaves and comes back gets each message exactly once while
// another goroutine appends and evicts, or is told that it is evicted.
func TestFollowersWhileMessagesAreEvicted(t *testing.T) {
	for seed := range seeds() {
		random := rand.New(rand.NewPCG(seed, 2))
		s, evict := openRetaining(t)
		w, m := historytest.NewWriter(random), &historytest.Model{}
		historytest.AppendAll(t, s, w.Batch(1+random.IntN(400))...)
		m.Update(t, s)
		follow := history.Follow{After: random.Int64N(int64(w.N)), Select: w.Select(t)}
		writer := *w
		writer.Random = rand.New(rand.NewPCG(seed, 3))
		m.CheckFollow(t, w, follow, func(q history.Follow) history.Follower { return s.Follow(q) }, func() {
			for i := range 30 {
				if err := s.Append(t.Context(), writer.Batch(1+writer.Random.IntN(200))); err != nil {
					t.Error(err)
					return
				}
				m.Update(t, s)
				if i%3 == 2 {
					evict(writer.N)
				}
			}
		})
	}
}
