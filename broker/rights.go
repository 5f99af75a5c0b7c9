package broker

import (
	"strings"

	"hellox/stream"
)

// Rights say what one identity may do. What they do not name is denied, and
// nil Rights deny everything.
type Rights struct {
	// Identity owns the sessions that it makes: nobody else resumes, reads
	// or ends them.
	Identity  string
	Publish   []string // topic filters
	Subscribe []string // topic filters
}

// MayPublish tells whether a message may go to topic.
func (r *Rights) MayPublish(topic string) bool {
	return r != nil && matchAny(r.Publish, topic)
}

// MaySubscribe tells whether every topic that filter matches may be read.
// Shared subscriptions ($share/…) are not offered.
func (r *Rights) MaySubscribe(topicFilter string) bool {
	if r == nil {
		return false
	}
	for _, allowed := range r.Subscribe {
		if covers(allowed, topicFilter) {
			return true
		}
	}
	return false
}

// MayReceive tells whether a message on topic may be handed over. It is asked
// for each delivery, so that a session kept from better days gets nothing that
// its client may no longer read.
func (r *Rights) MayReceive(topic string) bool {
	return r != nil && matchAny(r.Subscribe, topic)
}

func matchAny(topicFilters []string, topic string) bool {
	for _, f := range topicFilters {
		if stream.MatchTopic(f, topic) {
			return true
		}
	}
	return false
}

// covers tells whether every topic that filter matches is matched by allowed.
func covers(allowed, topicFilter string) bool {
	// Wildcards do not reach into $-topics (MQTT 3.1.1, 4.7.2).
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
			return arest == "#" // a/# has a itself, too
		case !amore:
			return false
		}
		allowed, topicFilter = arest, frest
	}
}

// openRights are those on a listener that only this machine's user reaches:
// everything but $SYS and its like, which # does not match.
func openRights() *Rights {
	return &Rights{Identity: "local", Publish: []string{"#"}, Subscribe: []string{"#"}}
}

// insecureRights are those of whoever reaches a listener without TLS and users.
func insecureRights() *Rights {
	topics := []string{"hello_world/#", "hellox/#"}
	return &Rights{Identity: "anyone", Publish: topics, Subscribe: topics}
}
