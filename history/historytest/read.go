package historytest

import (
	"context"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// IDs are those of messages.
func IDs(messages []stream.Message) []int64 {
	list := []int64{}
	for _, m := range messages {
		list = append(list, m.ID)
	}
	return list
}

// Between are the ids from lo to hi, both included.
func Between(lo, hi int64) []int64 {
	list := []int64{}
	for ; lo <= hi; lo++ {
		list = append(list, lo)
	}
	return list
}

// PageAll reads on by Next until the end, in the direction of q.
func PageAll(t *testing.T, s history.Store, q history.Query) []int64 {
	t.Helper()
	all := []int64{}
	for pages := 0; ; pages++ {
		p, err := s.Messages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if q.Forward() {
			all = append(all, IDs(p.Messages)...)
			q.After = p.Next
		} else {
			all = append(IDs(p.Messages), all...)
			q.Before = p.Next
		}
		if p.Next == 0 {
			return all
		}
		if pages > 10_000 {
			t.Fatal("pages without an end")
		}
	}
}

// FollowNow follows what comes after it has returned. A store that greets, as a
// receiver's does, begins when it has answered, which is its first event.
func FollowNow(t *testing.T, s history.Store, greets bool) history.Follower {
	t.Helper()
	f := s.Follow(history.Follow{After: history.Now})
	t.Cleanup(func() { f.Close() })
	if greets {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Next(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// Collect reads messages until the wanted number, with all other events.
func Collect(t *testing.T, f history.Follower, n int) (got []int64, others []history.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(got) < n {
		events, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(got), n, err)
		}
		for _, e := range events {
			if e.Message != nil {
				got = append(got, e.Message.ID)
			} else {
				others = append(others, e)
			}
		}
	}
	return got, others
}
