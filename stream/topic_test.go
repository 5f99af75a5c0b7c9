package stream

import (
	"strings"
	"testing"
)

func TestMatchTopic(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		// The examples of MQTT 3.1.1, section 4.7.
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/#", "sport", true},
		{"#", "anything/at/all", true},
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"#", "$SYS/broker", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/broker", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},

		{"a/b", "a/b", true},
		{"a/b", "a/b/c", false},
		{"a/b", "a", false},
		{"a", "a/", false},
		{"a/", "a", false},
		{"A", "a", false},
		{"+/b/#", "a/b", true},
		{"+/b/#", "a/c/b", false},
		{"a/+/+/b", "a//x/b", true},
		{"hello_world/#", "hello_world", true},
		{"hello_world/#", "hello_worlds", false},
		{"hello_world/broadcast/+", "hello_world/broadcast/press-1", true},
		{"über/+", "über/ß", true},
	} {
		if got := MatchTopic(c.filter, c.topic); got != c.want {
			t.Errorf("MatchTopic(%q, %q) = %v", c.filter, c.topic, got)
		}
	}
}

func TestCheckTopics(t *testing.T) {
	for _, c := range []struct {
		s             string
		topic, filter bool
	}{
		{"a", true, true},
		{"a/b c/ü", true, true},
		{"/", true, true},
		{"#", false, true},
		{"+", false, true},
		{"a/+/b/#", false, true},
		{"$share/g/a/#", false, true},
		{"a/#/b", false, false},
		{"a#", false, false},
		{"a+/b", false, false},
		{"", false, false},
		{"a\x00b", false, false},
		{"a\xffb", false, false},
		{strings.Repeat("a", 65535), true, true},
		{strings.Repeat("a", 65536), false, false},
	} {
		if err := CheckTopic(c.s); (err == nil) != c.topic {
			t.Errorf("CheckTopic(%.20q) = %v", c.s, err)
		}
		if err := CheckTopicFilter(c.s); (err == nil) != c.filter {
			t.Errorf("CheckTopicFilter(%.20q) = %v", c.s, err)
		}
	}
}
