package safetext

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTopic(t *testing.T) {
	for in, want := range map[string]string{
		"hello_world/lamp":   "hello_world/lamp",
		"hello_world/lamp ":  "hello_world/lamp␣",
		" hello_world/lamp":  "␣hello_world/lamp",
		"a / b/ / /\t/c":     "a␣/␣b/␣/␣/␉/c",
		"living room/lamp  ": "living room/lamp␣␣",
		"a\u00a0/\u3000b":    "a‹U+00A0›/‹U+3000›b",
		"a\u00a0b":           "a\u00a0b",
		"a\t":                "a␉",
		"a//":                "a//",
		"":                   "",
		" ":                  "␣",
		"küche ":             "küche␣",
		"a \u0301":           "a \u0301",
		"\x1b[31m ":          "␛[31m␣",
		"a \xff":             "a \ufffd",
	} {
		if got := Topic(in); got != want {
			t.Errorf("Topic(%q) = %q, want %q", in, got, want)
		}
	}
}

// Topics that differ only in the space around their levels look different.
func TestTopicTellsSpace(t *testing.T) {
	topic := rapid.StringOfN(rapid.RuneFrom([]rune("ab/ \t\u00a0\u2003")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		s := topic.Draw(t, "topic")
		got := Topic(s)
		if Clean(got) != got || Topic(got) != got {
			t.Fatalf("%q is shown as %q, which is not safe", s, got)
		}
		for level := range strings.SplitSeq(got, "/") {
			if strings.TrimFunc(level, isSpace) != level {
				t.Fatalf("%q is shown as %q", s, got)
			}
		}
	})
}
