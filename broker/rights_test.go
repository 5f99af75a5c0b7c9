package broker

import (
	"math/rand/v2"
	"strings"
	"testing"

	"hellox/broker/journal"
	"hellox/stream"
)

// levels are those of the topics and filters that tests make; z is in no filter.
var levels = []string{"a", "b", "", "+", "#", "$SYS"}

func randomFilter(r *rand.Rand) string {
	for {
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = levels[r.IntN(len(levels))]
		}
		if f := strings.Join(parts, "/"); stream.CheckTopicFilter(f) == nil {
			return f
		}
	}
}

// allTopics returns every topic of at most four of these levels.
func allTopics() []string {
	names := []string{"a", "b", "", "z", "$SYS"}
	topics := append([]string(nil), names...)
	for last := topics; len(topics) < 700; {
		var next []string
		for _, t := range last {
			for _, n := range names {
				next = append(next, t+"/"+n)
			}
		}
		topics = append(topics, next...)
		last = next
	}
	return topics
}

// TestCovers holds the comparison of filters against what they match.
func TestCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	topics := allTopics()
	for range 20_000 {
		allowed, topicFilter := randomFilter(r), randomFilter(r)
		want := true
		for _, topic := range topics {
			if stream.MatchTopic(topicFilter, topic) && !stream.MatchTopic(allowed, topic) {
				want = false
				break
			}
		}
		got := covers(allowed, topicFilter)
		if got && !want {
			t.Fatalf("%q does not cover %q, but is said to", allowed, topicFilter)
		}
		// Refused for want of a cleverer comparison: +/# is # in other
		// words, and a filter may match no topic at all.
		matches := false
		for _, topic := range topics {
			matches = matches || stream.MatchTopic(topicFilter, topic)
		}
		if !got && want && matches && !strings.Contains(allowed, "+/#") {
			t.Fatalf("%q covers %q, but is said not to", allowed, topicFilter)
		}
	}
}

// TestRouter holds the tree against matching one by one.
func TestRouter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	topics := allTopics()
	var r router
	var all []*session
	for n := range 20 {
		all = append(all, newSession("", "", uint64(n), nil, nil))
	}
	for range 2000 {
		s, topicFilter := all[rnd.IntN(len(all))], randomFilter(rnd)
		if rnd.IntN(3) == 0 {
			s.unsubscribe(&r, topicFilter)
		} else {
			s.subscribe(&r, journal.Subscription{TopicFilter: topicFilter, QoS: byte(rnd.IntN(2))})
		}
		topic := topics[rnd.IntN(len(topics))]
		want := map[*session]byte{}
		for _, s := range all {
			for _, sub := range s.subs {
				if stream.MatchTopic(sub.TopicFilter, topic) {
					want[s] = max(want[s], sub.QoS)
				}
			}
		}
		got := r.match(nil, topic)
		if len(got) != len(want) {
			t.Fatalf("%q goes to %d sessions, want %d", topic, len(got), len(want))
		}
		for _, target := range got {
			if qos, ok := want[target.session]; !ok || target.qos != qos {
				t.Fatalf("%q goes to session %d at QoS %d, want %d (%v)", topic, target.session.number, target.qos, qos, ok)
			}
		}
	}
	for _, s := range all {
		s.journal = &journal.Journal{}
		s.end(&r)
	}
	if len(r.root.children) > 0 || len(r.root.subs) > 0 {
		t.Error("the tree keeps nodes without subscriptions")
	}
}
