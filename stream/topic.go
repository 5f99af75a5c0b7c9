package stream

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The topics of hellox. Nothing under hellox/# is part of the stream.
const (
	TopicStream    = "hello_world/#"
	TopicBroadcast = "hello_world/broadcast/{id}"
	TopicPublish   = "hello_world/publish"
	TopicControl   = controlPrefix + "#"
	controlPrefix  = "hellox/"
	topicPresence  = controlPrefix + "presence/"
	topicCommand   = controlPrefix + "command/"
	topicAnswer    = controlPrefix + "answer/"
)

// BroadcastTopic returns the topic that a broadcaster publishes to by default.
func BroadcastTopic(id string) string { return strings.ReplaceAll(TopicBroadcast, "{id}", id) }

// PresenceTopic returns the topic of a broadcaster's presence.
func PresenceTopic(id string) string { return topicPresence + id }

// CommandTopic returns the topic that a broadcaster is commanded on.
func CommandTopic(id string) string { return topicCommand + id }

// AnswerTopic returns the topic that a broadcaster answers on.
func AnswerTopic(id string) string { return topicAnswer + id }

// PresenceID returns the broadcaster that a presence topic names; false for any
// other topic.
func PresenceID(topic string) (id string, ok bool) { return strings.CutPrefix(topic, topicPresence) }

// CommandID returns the broadcaster that a command topic names; false for any
// other topic.
func CommandID(topic string) (id string, ok bool) { return strings.CutPrefix(topic, topicCommand) }

// AnswerID returns the broadcaster that an answer topic names; false for any other
// topic.
func AnswerID(topic string) (id string, ok bool) { return strings.CutPrefix(topic, topicAnswer) }

// InStream reports whether topic is part of the stream: it is not under
// hellox/, where broadcasters and those who command them talk.
func InStream(topic string) bool { return !strings.HasPrefix(topic, controlPrefix) }

// MatchTopic reports whether topic matches the MQTT topic filter, by the
// rules of MQTT 3.1.1, section 4.7: + stands for one level, # for all that
// follow (and the level before it), and neither for a first level that begins
// with $.
func MatchTopic(filter, topic string) bool {
	// Most topics that do not match differ from the filter's first letters: the
	// broker holds each message against all rules of its reader.
	for i := range len(filter) {
		switch c := filter[i]; {
		case c == '+' || c == '#':
			level := strings.LastIndexByte(filter[:i], '/') + 1
			return (i > 0 || !strings.HasPrefix(topic, "$")) && matchLevels(filter[level:], topic[level:])
		case i == len(topic):
			return filter[i:] == "/#" // a/# matches a, too
		case c != topic[i]:
			return false
		}
	}
	return len(filter) == len(topic)
}

// matchLevels is MatchTopic from a level on.
func matchLevels(filter, topic string) bool {
	for {
		f, frest, fmore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, trest, tmore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !fmore && !tmore:
			return true
		case !tmore:
			return frest == "#"
		case !fmore:
			return false
		}
		filter, topic = frest, trest
	}
}

// CheckTopic returns why topic cannot be published to, in one sentence, or nil.
func CheckTopic(topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("the topic is empty")
	case strings.ContainsAny(topic, "+#"):
		return fmt.Errorf("topic %q has a wildcard (+ or #), which only a topic filter may have", topic)
	}
	return checkLevels("topic", topic)
}

// CheckTopicFilter returns why filter cannot be subscribed to, in one sentence,
// or nil.
func CheckTopicFilter(filter string) error {
	if filter == "" {
		return fmt.Errorf("the topic filter is empty")
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		switch {
		case strings.Contains(l, "#") && (l != "#" || i != len(levels)-1):
			return fmt.Errorf("topic filter %q: # stands alone in the last level", filter)
		case strings.Contains(l, "+") && l != "+":
			return fmt.Errorf("topic filter %q: + stands alone in its level", filter)
		}
	}
	return checkLevels("topic filter", filter)
}

func checkLevels(what, s string) error {
	switch {
	case len(s) > 65535:
		return fmt.Errorf("the %s is longer than 65,535 bytes", what)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8", what, s)
	case strings.ContainsRune(s, 0):
		return fmt.Errorf("%s %q has a NUL character", what, s)
	}
	return nil
}
