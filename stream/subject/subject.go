package subject

import (
	"fmt"
	"strings"
)

// MessagesStream is nats-server's stream of the messages of QoS 1 and 2, and
// MessagesPrefix begins their subjects there.
const (
	MessagesStream = "$MQTT_msgs"
	MessagesPrefix = "$MQTT.msgs."
)

// Of returns the subject that nats-server gives to an MQTT topic: levels become
// tokens, an empty level is the token / and a dot in a level is //. Topics with white
// space or DEL have none, nor has the empty topic.
func Of(topic string) (string, error) {
	if err := checkTopic(topic); err != nil {
		return "", err
	}
	levels := strings.Split(topic, "/")
	for i, level := range levels {
		levels[i] = token(level)
	}
	return strings.Join(levels, "."), nil
}

// Topic returns the MQTT topic of a subject: Of turned round.
func Topic(subject string) string {
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		if t == "/" {
			tokens[i] = ""
		} else {
			tokens[i] = strings.ReplaceAll(t, "//", ".")
		}
	}
	return strings.Join(tokens, "/")
}

// Filter returns the subjects that match what an MQTT topic filter does: a/# is a and
// a.>. exact is false if they match more, because a level is a wildcard of NATS (* or
// >) and none of MQTT.
func Filter(topicFilter string) (subjects []string, exact bool, err error) {
	if err := checkTopic(topicFilter); err != nil {
		return nil, false, err
	}
	exact = true
	levels := strings.Split(topicFilter, "/")
	for i, level := range levels {
		switch level {
		case "+":
			levels[i] = "*"
		case "#":
			levels[i] = ">"
		case "*", ">":
			exact = false
		default:
			levels[i] = token(level)
		}
	}
	subject := strings.Join(levels, ".")
	if parent, ok := strings.CutSuffix(subject, ".>"); ok && strings.HasSuffix(topicFilter, "/#") {
		return []string{parent, subject}, exact, nil
	}
	return []string{subject}, exact, nil
}

func token(level string) string {
	if level == "" {
		return "/"
	}
	return strings.ReplaceAll(level, ".", "//")
}

// checkTopic returns why nats-server takes no such topic or topic filter, or nil.
func checkTopic(topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("the topic is empty")
	case strings.ContainsAny(topic, " \t\n\r\f\x7f"):
		return fmt.Errorf("topic %q has white space or DEL, which the broker of several nodes does not take", topic)
	}
	return nil
}
