package stream

import (
	"strings"
	"testing"
	"time"
)

func TestParseCommand(t *testing.T) {
	for _, c := range []struct {
		line string
		want Command
	}{
		{"say|Hello back", Command{Do: Say, Text: "Hello back"}},
		{"pause", Command{Do: Pause}},
		{"resume", Command{Do: Resume}},
		{"interval|200ms|2s", Command{Do: Interval, Min: 200 * time.Millisecond, Max: 2 * time.Second}},
		{"identify", Command{Do: Identify}},
	} {
		words := strings.Split(c.line, "|")
		if got, err := ParseCommand(words[0], words[1:]...); err != nil || got != c.want {
			t.Errorf("%s is %+v (%v), not %+v", c.line, got, err, c.want)
		}
	}
	for line, says := range map[string]string{
		"":                     "nothing to do",
		"dance":                "there are say, pause",
		"say":                  "needs a text",
		"say|Hello|back":       "one text",
		"pause|now":            "nothing behind it",
		"interval|1s":          "interval 1s 10s",
		"interval|1s|soon":     "is no time",
		"interval|2s|1s":       "shorter than the shortest",
		"interval|1\x1b[31m|2": "is no time",
	} {
		words := strings.Split(line, "|")
		if _, err := ParseCommand(words[0], words[1:]...); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v, which says nothing of %q", line, err, says)
		}
	}
}
