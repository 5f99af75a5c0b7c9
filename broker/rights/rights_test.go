package rights

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hellox/broker/share"
	"hellox/stream"
)

// refMatch reports whether a topic filter matches a topic, by the words of MQTT
// 3.1.1, section 4.7, and by nothing of the package.
func refMatch(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && refMatch(filter[1:], topic[1:])
}

// refTopic is refMatch for whole texts: no wildcard matches a first level with $.
func refTopic(filter, topic []string) bool {
	if strings.HasPrefix(topic[0], "$") && (filter[0] == "+" || filter[0] == "#") {
		return false
	}
	return refMatch(filter, topic)
}

// refTopics returns topics that a rule matches, all of them, if it matches all that
// a topic filter does: z, a level of no rule, stands for + and # for none, one or
// two of them.
func refTopics(filter string) (topics [][]string) {
	plain := strings.ReplaceAll(filter, "+", "z")
	head, ok := strings.CutSuffix(plain, "#")
	if !ok {
		return [][]string{strings.Split(plain, "/")}
	}
	if up, ok := strings.CutSuffix(head, "/"); ok {
		topics = append(topics, strings.Split(up, "/"))
	}
	return append(topics, strings.Split(head+"z", "/"), strings.Split(head+"z/z", "/"))
}

func refCovers(rule []string, topics [][]string) bool {
	return !slices.ContainsFunc(topics, func(topic []string) bool { return !refTopic(rule, topic) })
}

var sampleLevels = []string{"a", "b", "", "+", "#", "$SYS"}

func randomFilter(r *rand.Rand) string {
	for {
		parts := make([]string, 1+r.IntN(4))
		for i := range parts {
			parts[i] = sampleLevels[r.IntN(len(sampleLevels))]
		}
		if f := strings.Join(parts, "/"); f != "" && stream.CheckTopicFilter(f) == nil {
			return f
		}
	}
}

func randomTopic(r *rand.Rand) string {
	names := []string{"a", "b", "", "z", "$SYS"}
	for {
		parts := make([]string, 1+r.IntN(4))
		for i := range parts {
			parts[i] = names[r.IntN(len(names))]
		}
		if topic := strings.Join(parts, "/"); topic != "" {
			return topic
		}
	}
}

// TestReference holds the rights against the reference above, on a million random
// triples of a rule, a topic filter and a topic.
func TestReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type sample struct {
		text   string
		levels []string
		topics [][]string // refTopics
	}
	filters, topics := make([]sample, 2000), make([]sample, 1000)
	for i := range filters {
		f := randomFilter(r)
		filters[i] = sample{f, strings.Split(f, "/"), refTopics(f)}
	}
	for i := range topics {
		topic := randomTopic(r)
		topics[i] = sample{text: topic, levels: strings.Split(topic, "/")}
	}
	covered, matched := 0, 0
	allow, all := make([]string, 1), []string{"#", "$SYS/#"}
	for range 1_000_000 {
		rule, filter, topic := &filters[r.IntN(len(filters))], &filters[r.IntN(len(filters))], &topics[r.IntN(len(topics))]
		allow[0] = rule.text
		may, deny := Rights{Subscribe: allow, Publish: allow}, Rights{Subscribe: all, Publish: all, Deny: allow}
		subset, matches := refCovers(rule.levels, filter.topics), refTopic(rule.levels, topic.levels)
		if may.MaySubscribe(filter.text) != subset {
			t.Fatalf("rule %q, topic filter %q: %v, want %v", rule.text, filter.text, !subset, subset)
		}
		if may.MayReceive(topic.text) != matches || may.MayPublish(topic.text) != matches {
			t.Fatalf("rule %q, topic %q: want %v", rule.text, topic.text, matches)
		}
		if subset && refTopic(filter.levels, topic.levels) && !matches {
			t.Fatalf("%q is granted under %q, and %q is not delivered", filter.text, rule.text, topic.text)
		}
		if deny.MaySubscribe(filter.text) && subset || matches && (deny.MayReceive(topic.text) || deny.MayPublish(topic.text)) {
			t.Fatalf("deny %q lets %q or %q through", rule.text, filter.text, topic.text)
		}
		if subset {
			covered++
		}
		if matches {
			matched++
		}
	}
	if covered < 10_000 || matched < 10_000 {
		t.Errorf("only %d subsets and %d matches among the triples", covered, matched)
	}
}

// FuzzCovers is TestReference on what the fuzzer finds.
func FuzzCovers(f *testing.F) {
	f.Add("a/+/#", "a/#", "a")
	f.Add("+/#", "#", "$SYS/x")
	f.Fuzz(func(t *testing.T, rule, filter, topic string) {
		levels := strings.Split(rule, "/")
		if stream.CheckTopicFilter(rule) != nil || stream.CheckTopicFilter(filter) != nil || stream.CheckTopic(topic) != nil ||
			slices.Contains(levels, "z") || strings.Count(rule, "/") > 15 {
			t.Skip()
		}
		may := Rights{Subscribe: []string{rule}, Publish: []string{rule}}
		if !share.Is(filter) && may.MaySubscribe(filter) != refCovers(levels, refTopics(filter)) {
			t.Errorf("rule %q, topic filter %q: want %v", rule, filter, !may.MaySubscribe(filter))
		}
		if matches := refTopic(levels, strings.Split(topic, "/")); may.MayReceive(topic) != matches {
			t.Errorf("rule %q, topic %q: want %v", rule, topic, matches)
		}
	})
}

func TestSharedFilter(t *testing.T) {
	may := Rights{Subscribe: []string{"open/#"}}
	for filter, want := range map[string]bool{
		"$share/g/open/x": true, "$share/g/open/#": true,
		"$share/g/#": false, "$share/g/secret": false, "$share/open/#": false, "$share/g/": false, "$share//open/x": false,
		"$share/g/$share/h/open/x": false, "$SHARE/g/open/x": false,
	} {
		if may.MaySubscribe(filter) != want {
			t.Errorf("%s: want %v", filter, want)
		}
	}
}
