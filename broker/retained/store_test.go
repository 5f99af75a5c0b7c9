package retained

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/broker/journal"
	"hellox/stream"
)

// all returns the topics that Next returns in parts of n.
func all(s *Store, topicFilter string, n int) (topics []string) {
	var at Cursor
	for {
		part := s.Next(topicFilter, &at, n)
		if len(part) == 0 {
			return topics
		}
		topics = append(topics, part...)
	}
}

// TestNext holds the tree against matching one by one, in parts of every size.
func TestNext(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	levels := []string{"a", "b", "", "$x", "c d"}
	random := func(more ...string) string {
		from := append(slices.Clone(levels), more...)
		var parts []string
		for range 1 + rnd.IntN(4) {
			parts = append(parts, from[rnd.IntN(len(from))])
		}
		return strings.Join(parts, "/")
	}
	var s Store
	messages := map[string]bool{}
	for range 3000 {
		topic := random()
		if rnd.IntN(3) == 0 {
			s.Put(topic, nil)
			delete(messages, topic)
		} else if topic != "" {
			s.Put(topic, &journal.Message{Topic: topic, Payload: []byte("x")})
			messages[topic] = true
		}
		topicFilter := random("+", "+", "#")
		if i := strings.Index(topicFilter, "#"); i >= 0 {
			topicFilter = topicFilter[:i+1]
		}
		var want []string
		for topic := range messages {
			if stream.MatchTopic(topicFilter, topic) {
				want = append(want, topic)
			}
		}
		got := all(&s, topicFilter, 1+rnd.IntN(5))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q gets %q, want %q", topicFilter, got, want)
		}
		if s.Len() != len(messages) {
			t.Fatalf("%d messages, want %d", s.Len(), len(messages))
		}
	}
	for topic := range messages {
		s.Put(topic, nil)
	}
	if len(s.root.children) > 0 || len(s.levels) > 0 || s.all != (usage{}) || len(s.owned) > 0 {
		t.Errorf("%d children, %d bytes, %d messages are left", len(s.root.children), s.all.bytes, s.all.messages)
	}
}

// TestLimits fills a store. What replaces a message needs no more room than that.
func TestLimits(t *testing.T) {
	s := Store{MaxMessages: 3}
	m := func(topic, payload string) *journal.Message {
		return &journal.Message{Topic: topic, Payload: []byte(payload)}
	}
	for n, want := range []Result{Retained, Retained, Retained, Full} {
		if got := s.Set(m(fmt.Sprint(n), "x")); got != want {
			t.Errorf("message %d: %v", n, got)
		}
	}
	if s.Set(m("0", "y")) != Retained || string(s.Get("0").Payload) != "y" {
		t.Error("a message is not replaced")
	}
	s.MaxBytes = s.all.bytes
	if s.Set(m("0", "longer")) != Full || s.Get("0") != nil {
		t.Error("a longer message is taken, or the old one stays as if it were the present one")
	}
	if s.Set(m("1", "")) != Retained || s.Get("1") != nil || s.Set(m("3", "x")) != Retained {
		t.Error("a deleted message takes room")
	}
}

// TestOwnersShare has one owner use up its share, by messages and by bytes. Another one
// still has its own, and what comes without an owner has none.
func TestOwnersShare(t *testing.T) {
	s := Store{MaxOwned: 2}
	set := func(owner, topic, payload string) Result {
		return s.Set(&journal.Message{Topic: topic, Payload: []byte(payload), Owner: owner})
	}
	for n, c := range []struct {
		owner, topic, payload string
		want                  Result
	}{
		{"bob", "1", "x", Retained}, {"bob", "2", "x", Retained}, {"bob", "3", "x", Share}, {"bob", "1", "y", Retained},
		{"alice", "3", "x", Retained}, {"bob", "3", "x", Share}, // alice's is not its value any more
		{"alice", "1", "x", Retained}, {"bob", "3", "x", Retained}, // alice took over one of bob's topics
		{"bob", "4", "x", Share}, {"bob", "2", "", Retained}, {"bob", "4", "x", Retained},
		{"", "5", "x", Retained}, {"", "6", "x", Retained}, {"", "7", "x", Retained},
	} {
		if got := set(c.owner, c.topic, c.payload); got != c.want {
			t.Errorf("%d: %+v: %d", n, c, got)
		}
	}
	if s.Get("2") != nil || s.Len() != 6 {
		t.Errorf("%d are retained", s.Len())
	}
	s.MaxOwned, s.MaxOwnedBytes = 0, s.owned["bob"].bytes+len("alicealice")
	if set("bob", "4", "longer than before") != Share || set("alice", "8", "x") != Retained || s.Get("4") != nil {
		t.Error("bytes have no share")
	}
	for _, topic := range []string{"1", "3", "5", "6", "7", "8"} {
		s.Put(topic, nil)
	}
	if s.all != (usage{}) || len(s.owned) > 0 {
		t.Errorf("%+v, %v are left", s.all, s.owned)
	}
}

// TestExpire deletes what has expired, and no more.
func TestExpire(t *testing.T) {
	var s Store
	now := time.Now().Unix()
	s.Put("a", &journal.Message{Topic: "a", Expiry: now})
	s.Put("a/b", &journal.Message{Topic: "a/b", Expiry: now + 10})
	s.Put("$a", &journal.Message{Topic: "$a", Expiry: now - 1})
	got := s.Expire(now)
	slices.Sort(got)
	if !slices.Equal(got, []string{"$a", "a"}) || s.Len() != 1 || s.Get("a/b") == nil {
		t.Errorf("expired: %q, %d are left", got, s.Len())
	}
}

// BenchmarkNext is a SUBSCRIBE of 50 filters that match none of 10,000 messages.
func BenchmarkNext(b *testing.B) {
	var s Store
	for n := range 10_000 {
		topic := fmt.Sprintf("site/%d/machine/%d/temperature", n%100, n)
		s.Put(topic, &journal.Message{Topic: topic, Payload: []byte("21.5")})
	}
	filters := make([]string, 50)
	for n := range filters {
		filters[n] = fmt.Sprintf("site/+/machine/+/other%d/#", n)
	}
	for b.Loop() {
		for _, f := range filters {
			if got := all(&s, f, 64); len(got) > 0 {
				b.Fatal(got)
			}
		}
	}
}

// TestStoreShrinks retains many messages and deletes almost all of them: what the
// store has for them is no more than for the few.
func TestStoreShrinks(t *testing.T) {
	s := &Store{}
	message := func(n int, payload string) *journal.Message {
		return &journal.Message{Topic: fmt.Sprint("r/", n), Payload: []byte(payload)}
	}
	for n := range 10_000 {
		s.Set(message(n, "x"))
	}
	for n := range 9_990 {
		s.Set(message(n, ""))
	}
	if s.most > 2000 {
		t.Errorf("the table is one for %d levels, and has %d", s.most, len(s.levels))
	}
	for n := 9_990; n < 10_000; n++ {
		if s.Get(fmt.Sprint("r/", n)) == nil || !s.levels.has([]string{"r", fmt.Sprint(n)}) {
			t.Errorf("%d is gone", n)
		}
	}
}
