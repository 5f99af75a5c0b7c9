package subject_test

import (
	"slices"
	"strings"
	"testing"

	"hellox/stream"
	"hellox/stream/subject"
)

// TestOf has the cases that nats-server's own conversion has.
func TestOf(t *testing.T) {
	for topic, want := range map[string]string{
		"a": "a", "a/b": "a.b", "/": "/./", "/a": "/.a", "a/": "a./", "a//b": "a./.b", "//": "/././",
		"a.b": "a//b", ".": "//", "a./.b": "a//.//b", "a.b.c/d": "a//b//c.d", "küche/ä": "küche.ä", "a/$b": "a.$b",
	} {
		got, err := subject.Of(topic)
		if err != nil || got != want {
			t.Errorf("Of(%q) is %q, %v, want %q", topic, got, err, want)
		}
		if back := subject.Topic(want); back != topic {
			t.Errorf("Topic(%q) is %q, want %q", want, back, topic)
		}
	}
	for _, topic := range []string{"", "a b", "a/\t", "a\nb", "\x7f"} {
		if got, err := subject.Of(topic); err == nil {
			t.Errorf("Of(%q) is %q", topic, got)
		}
	}
}

func TestFilter(t *testing.T) {
	for _, k := range []struct {
		filter string
		exact  bool
		want   []string
	}{
		{"a/+/c", true, []string{"a.*.c"}}, {"a/#", true, []string{"a", "a.>"}}, {"#", true, []string{">"}}, {"+", true, []string{"*"}},
		{"/#", true, []string{"/", "/.>"}}, {"a/*", false, []string{"a.*"}}, {"a/>", false, []string{"a.>"}}, {"a.b/#", true, []string{"a//b", "a//b.>"}},
	} {
		got, exact, err := subject.Filter(k.filter)
		if err != nil || exact != k.exact || !slices.Equal(got, k.want) {
			t.Errorf("Filter(%q) is %q, %v, %v, want %q, %v", k.filter, got, exact, err, k.want, k.exact)
		}
	}
}

// FuzzOf turns topics into subjects and back.
func FuzzOf(f *testing.F) {
	for _, s := range []string{"a/b", "/", "a//b", ".", "a./b", "x.y/z/", "//..//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		if stream.CheckTopic(topic) != nil {
			return
		}
		got, err := subject.Of(topic)
		if err != nil {
			return
		}
		if back := subject.Topic(got); back != topic {
			t.Errorf("%q became %q, and that %q", topic, got, back)
		}
		for token := range strings.SplitSeq(got, ".") {
			if token == "" {
				t.Errorf("%q became %q, with an empty token", topic, got)
			}
		}
	})
}
