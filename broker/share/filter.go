package share

import (
	"errors"
	"strings"
)

const prefix = "$share"

// Parse returns the name and the topic filter of a shared subscription, or why it
// is malformed (MQTT 5, 4.8.2). shared is false for any other topic filter. The
// topic filter in it may be malformed for other reasons.
func Parse(topicFilter string) (name, filter string, shared bool, err error) {
	rest, ok := strings.CutPrefix(topicFilter, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", "", false, nil
	}
	name, filter, _ = strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch {
	case name == "" || filter == "": // [MQTT-4.8.2-1], [-2]
		return "", "", true, errors.New("a shared subscription is $share/NAME/FILTER")
	case strings.ContainsAny(name, "+#"):
		return "", "", true, errors.New("the name of a shared subscription has no + and no #")
	case filter == prefix || strings.HasPrefix(filter, prefix+"/"):
		return "", "", true, errors.New("a shared subscription has no other one in it")
	}
	return name, filter, true, nil
}

// Is reports whether a topic filter is a well-formed one of a shared subscription.
func Is(topicFilter string) bool { return Filter(topicFilter) != topicFilter }

// Filter returns the topic filter of a shared subscription, and any other topic
// filter, also a malformed one, as it is.
func Filter(topicFilter string) string {
	if _, filter, shared, err := Parse(topicFilter); shared && err == nil {
		return filter
	}
	return topicFilter
}
