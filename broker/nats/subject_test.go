package nats_test

import (
	"slices"
	"strings"
	"testing"

	"hellox/broker/nats"
	"hellox/stream"
)

// TestSubject has the cases that nats-server's own conversion has.
func TestSubject(t *testing.T) {
	for topic, subject := range map[string]string{
		"a": "a", "a/b": "a.b", "/": "/./", "/a": "/.a", "a/": "a./", "a//b": "a./.b", "//": "/././",
		"a.b": "a//b", ".": "//", "a./.b": "a//.//b", "a.b.c/d": "a//b//c.d", "küche/ä": "küche.ä", "a/$b": "a.$b",
	} {
		got, err := nats.Subject(topic)
		if err != nil || got != subject {
			t.Errorf("Subject(%q) is %q, %v, want %q", topic, got, err, subject)
		}
		if back := nats.Topic(subject); back != topic {
			t.Errorf("Topic(%q) is %q, want %q", subject, back, topic)
		}
	}
	for _, topic := range []string{"", "a b", "a/\t", "a\nb", "\x7f"} {
		if got, err := nats.Subject(topic); err == nil {
			t.Errorf("Subject(%q) is %q", topic, got)
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
		got, exact, err := nats.Filter(k.filter)
		if err != nil || exact != k.exact || !slices.Equal(got, k.want) {
			t.Errorf("Filter(%q) is %q, %v, %v, want %q, %v", k.filter, got, exact, err, k.want, k.exact)
		}
	}
}

// FuzzSubject turns topics into subjects and back.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{"a/b", "/", "a//b", ".", "a./b", "x.y/z/", "//..//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		if stream.CheckTopic(topic) != nil {
			return
		}
		subject, err := nats.Subject(topic)
		if err != nil {
			return
		}
		if back := nats.Topic(subject); back != topic {
			t.Errorf("%q became %q, and that %q", topic, subject, back)
		}
		for token := range strings.SplitSeq(subject, ".") {
			if token == "" {
				t.Errorf("%q became %q, with an empty token", topic, subject)
			}
		}
	})
}
