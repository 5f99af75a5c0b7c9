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

func TestDone(t *testing.T) {
	mode := Mode{Min: time.Second, Max: 10 * time.Second}
	paused := mode
	paused.Paused = true
	for _, c := range []struct {
		command Command
		mode    Mode
		want    string
	}{
		{Command{Do: Say, Text: "hi"}, mode, `said "hi"; a message every 1s to 10s`},
		{Command{Do: Say, Text: "hi"}, paused, `said "hi"; paused (a message every 1s to 10s once resumed)`},
		{Command{Do: Say, Text: strings.Repeat("ä", 41) + "\x1b"}, mode, `said "` + strings.Repeat("ä", 39) + `…"; a message every 1s to 10s`},
		{Command{Do: Pause}, paused, "paused (a message every 1s to 10s once resumed)"},
		{Command{Do: Resume}, mode, "resumed; a message every 1s to 10s"},
		{Command{Do: Interval}, Mode{Min: time.Second, Max: time.Second}, "a message every 1s"},
		{Command{Do: Identify}, mode, "said who it is; a message every 1s to 10s"},
	} {
		if got := c.command.Done(c.mode); got != c.want {
			t.Errorf("%s: %q, want %q", c.command.Do, got, c.want)
		}
	}
}
