package rights

import (
	"slices"
	"strings"

	"hellox/broker/share"
	"hellox/stream"
)

// Rights lists what one client may do. Everything else is denied; nil Rights
// deny everything.
type Rights struct {
	// Identity owns the sessions that it creates: no other identity resumes,
	// reads or ends them.
	Identity  string
	Publish   []string // topic filters
	Subscribe []string // topic filters
	Deny      []string // topic filters that are neither published to nor read, whatever else is allowed
	// Dollar allows every topic that begins with $, which no wildcard matches,
	// but $SYS and $share: clients of AWS use $aws/things/NAME/shadow.
	Dollar bool
}

// The identities of clients on listeners that ask for no user. No user has these
// names.
const (
	Local  = "local"  // of Open
	Anyone = "anyone" // of Insecure
)

// Open returns the rights on a listener that only this machine's user reaches:
// everything but $SYS.
func Open() *Rights {
	return &Rights{Identity: Local, Publish: []string{"#"}, Subscribe: []string{"#"}, Dollar: true}
}

// Insecure returns the rights on a listener without TLS and users.
func Insecure() *Rights {
	topics := []string{stream.TopicStream, stream.TopicControl}
	return &Rights{Identity: Anyone, Publish: topics, Subscribe: topics}
}

// MayPublish reports whether a message may be published on topic.
func (r *Rights) MayPublish(topic string) bool {
	return r != nil && r.may(r.Publish, topic)
}

// MaySubscribe reports whether topicFilter may be subscribed to: every topic that
// it matches is allowed by one of the rules, and not all of them are denied. Of
// what it matches, denied topics are not delivered (MayReceive). A shared
// subscription ($share/GROUP/FILTER) needs what its filter needs.
func (r *Rights) MaySubscribe(topicFilter string) bool {
	if r == nil {
		return false
	}
	topicFilter = share.Filter(topicFilter)
	allowed := r.Dollar && isFreeDollar(topicFilter) || coveredByAny(r.Subscribe, topicFilter)
	return allowed && !coveredByAny(r.Deny, topicFilter)
}

// MayReceive reports whether a message on topic may be delivered. It is checked
// for each delivery, so that an old session gets nothing that its client may no
// longer read.
func (r *Rights) MayReceive(topic string) bool {
	return r != nil && r.may(r.Subscribe, topic)
}

// may reports whether one of allowed, or Dollar, allows topic, and it is not
// denied.
func (r *Rights) may(allowed []string, topic string) bool {
	return (matchAny(allowed, topic) || r.Dollar && isFreeDollar(topic)) && !matchAny(r.Deny, topic)
}

// Covers reports whether r allows everything that old allows: a client that had
// old loses nothing.
func (r *Rights) Covers(old *Rights) bool {
	switch {
	case old == nil:
		return true
	case r == nil || old.Dollar && !r.Dollar:
		return false
	}
	return allCovered(r.Publish, old.Publish) && allCovered(r.Subscribe, old.Subscribe) && allCovered(old.Deny, r.Deny)
}

// isFreeDollar reports whether a topic or topic filter begins with $ and is
// not reserved.
func isFreeDollar(topic string) bool {
	return strings.HasPrefix(topic, "$") && !IsReserved(topic)
}

// IsReserved reports whether a topic or topic filter belongs to the broker
// ($SYS, in any case and with anything behind it) or means something else
// (shared subscriptions).
func IsReserved(topic string) bool {
	first, _, _ := strings.Cut(topic, "/")
	return len(first) >= 4 && strings.EqualFold(first[:4], "$SYS") || strings.EqualFold(first, "$share")
}

func matchAny(topicFilters []string, topic string) bool {
	for _, f := range topicFilters {
		if stream.MatchTopic(f, topic) {
			return true
		}
	}
	return false
}

func coveredByAny(allowed []string, topicFilter string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool { return covers(a, topicFilter) })
}

func allCovered(allowed, topicFilters []string) bool {
	return !slices.ContainsFunc(topicFilters, func(f string) bool { return !coveredByAny(allowed, f) })
}

// covers reports whether allowed matches every topic that topicFilter matches.
func covers(allowed, topicFilter string) bool {
	// Wildcards do not match the first level of $-topics (MQTT 3.1.1, 4.7.2).
	if strings.HasPrefix(topicFilter, "$") && !strings.HasPrefix(allowed, "$") {
		return false
	}
	if allowed == "+/#" { // every topic has a first level
		return true
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
