package topictree

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hellox/stream"
)

func TestNaturalOrder(t *testing.T) {
	names := []string{"site10", "site2", "site", "site1", "a", "site02", "10", "9", "site1x", "site1/b"}
	slices.SortFunc(names, Compare)
	if got, want := strings.Join(names, " "), "9 10 a site site1 site1/b site1x site02 site2 site10"; got != want {
		t.Errorf("the order is %s, want %s", got, want)
	}
}

// TestCountsAreExact adds messages around the moment in which the store counted,
// and holds the tree against counting them one by one.
func TestCountsAreExact(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		topics := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a/b", "a/b/c", "a/d", "e"}), 1, 60).Draw(r, "topics")
		n := int64(len(topics))
		seen := rapid.Int64Range(0, n).Draw(r, "the store is followed after")
		counted := rapid.Int64Range(seen, n).Draw(r, "the store counts after")
		answered := rapid.Int64Range(counted, n).Draw(r, "the answer comes after")

		tree, want := New(), map[string]uint64{}
		for _, topic := range topics {
			want[topic]++
		}
		add := func(from, to int64) {
			for id := from + 1; id <= to; id++ {
				tree.Add(&stream.Message{ID: id, Topic: topics[id-1]}, true)
			}
		}
		add(seen, answered)
		totals := map[string]*Total{}
		for id := int64(1); id <= counted; id++ {
			topic := topics[id-1]
			if totals[topic] == nil {
				totals[topic] = &Total{Topic: topic}
			}
			totals[topic].Messages++
			totals[topic].LastID = id
		}
		var list []Total
		for _, total := range totals {
			list = append(list, *total)
		}
		tree.Begin(list, true)
		add(answered, n)

		if tree.Root.Count != uint64(n) {
			r.Errorf("%d messages are counted, want %d", tree.Root.Count, n)
		}
		for topic, count := range want {
			if at, _ := tree.find(topic, true); at.own != count {
				r.Errorf("%s: %d messages are counted, want %d", topic, at.own, count)
			}
		}
	})
}
