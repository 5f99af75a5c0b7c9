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
	if len(s.root.children) > 0 || len(s.levels) > 0 || s.bytes != 0 || s.messages != 0 {
		t.Errorf("%d children, %d bytes, %d messages are left", len(s.root.children), s.bytes, s.messages)
	}
}

// TestLimits fills a store. What replaces a message needs no more room than that.
func TestLimits(t *testing.T) {
	s := Store{MaxMessages: 3}
	m := func(topic, payload string) *journal.Message {
		return &journal.Message{Topic: topic, Payload: []byte(payload)}
	}
	for n, want := range []bool{true, true, true, false} {
		if got := s.Set(m(fmt.Sprint(n), "x")); got != want {
			t.Errorf("message %d: %v", n, got)
		}
	}
	if !s.Set(m("0", "y")) || string(s.Get("0").Payload) != "y" {
		t.Error("a message is not replaced")
	}
	s.MaxBytes = s.bytes
	if s.Set(m("0", "longer")) || s.Get("0") != nil {
		t.Error("a longer message is taken, or the old one stays as if it were the present one")
	}
	if !s.Set(m("1", "")) || s.Get("1") != nil || !s.Set(m("3", "x")) {
		t.Error("a deleted message takes room")
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
