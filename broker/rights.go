package broker

import (
	"strings"

	"hellox/stream"
)

// Rights lists what one identity may do. Everything else is denied; nil Rights
// deny everything.
type Rights struct {
	// Identity owns the sessions that it creates: no other identity resumes,
	// reads or ends them.
	Identity  string
	Publish   []string // topic filters
	Subscribe []string // topic filters
	// Dollar allows every topic that begins with $, which no wildcard matches,
	// but $SYS and $share: clients of AWS use $aws/things/NAME/shadow.
	Dollar bool
}

// MayPublish reports whether a message may be published on topic.
func (r *Rights) MayPublish(topic string) bool {
	return r != nil && (matchAny(r.Publish, topic) || r.Dollar && isFreeDollar(topic))
}

// MaySubscribe reports whether every topic that topicFilter matches may be read.
// Shared subscriptions ($share/…) are not offered.
func (r *Rights) MaySubscribe(topicFilter string) bool {
	if r == nil {
		return false
	}
	if r.Dollar && isFreeDollar(topicFilter) {
		return true
	}
	for _, allowed := range r.Subscribe {
		if covers(allowed, topicFilter) {
			return true
		}
	}
	return false
}

// MayReceive reports whether a message on topic may be delivered. It is checked
// for each delivery, so that an old session gets nothing that its client may no
// longer read.
func (r *Rights) MayReceive(topic string) bool {
	return r != nil && (matchAny(r.Subscribe, topic) || r.Dollar && isFreeDollar(topic))
}

// isFreeDollar reports whether a topic or topic filter begins with $ and is
// not reserved.
func isFreeDollar(topic string) bool {
	return strings.HasPrefix(topic, "$") && !isReserved(topic)
}

// isReserved reports whether a topic or topic filter belongs to the broker
// ($SYS, in any case and with anything behind it) or means something else
// (shared subscriptions).
func isReserved(topic string) bool {
	first, _, _ := strings.Cut(topic, "/")
	return len(first) >= 4 && strings.EqualFold(first[:4], "$SYS") || isShared(topic)
}

// isShared reports whether a topic filter is one of a shared subscription.
func isShared(topicFilter string) bool {
	first, _, _ := strings.Cut(topicFilter, "/")
	return strings.EqualFold(first, "$share")
}

func matchAny(topicFilters []string, topic string) bool {
	for _, f := range topicFilters {
		if stream.MatchTopic(f, topic) {
			return true
		}
	}
	return false
}

// covers reports whether allowed matches every topic that topicFilter matches.
func covers(allowed, topicFilter string) bool {
	// Wildcards do not match the first level of $-topics (MQTT 3.1.1, 4.7.2).
	if strings.HasPrefix(topicFilter, "$") && !strings.HasPrefix(allowed, "$") {
		return false
	}
	for {
		a, arest, amore := strings.Cut(allowed, "/")
		if a == "#" {
			return true
		}
		f, frest, fmore := strings.Cut(topicFilter, "/")
		if f == "#" || (a != "+" && a != f) {
			return false
		}
		switch {
		case !amore && !fmore:
			return true
		case !fmore:
			return arest == "#" // a/# matches a, too
		case !amore:
			return false
		}
		allowed, topicFilter = arest, frest
	}
}

// openRights are the rights on a listener that only this machine's user reaches:
// everything but $SYS.
func openRights() *Rights {
	return &Rights{Identity: "local", Publish: []string{"#"}, Subscribe: []string{"#"}, Dollar: true}
}

// insecureRights are the rights on a listener without TLS and users.
func insecureRights() *Rights {
	topics := []string{stream.TopicStream, stream.TopicControl}
	return &Rights{Identity: "anyone", Publish: topics, Subscribe: topics}
}
