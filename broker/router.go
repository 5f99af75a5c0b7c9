package broker

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"hellox/broker/journal"
)

// A target is a session that a message goes to, with the combined options of its
// matching subscriptions.
type target struct {
	session           *session
	qos               byte
	noLocal           bool // of all of them
	retainAsPublished bool // of any
	ids               []int
}

func newTarget(s *session, sub *journal.Subscription) target {
	t := target{session: s, qos: sub.QoS, noLocal: sub.NoLocal, retainAsPublished: sub.RetainAsPublished}
	if sub.Identifier > 0 {
		t.ids = []int{sub.Identifier}
	}
	return t
}

// A router finds the sessions that subscribe to a topic: a tree with a level of
// the topic filter at each node.
type router struct {
	mu   sync.RWMutex
	root node
}

type node struct {
	children map[string]*node
	subs     []subscriber
}

type subscriber struct {
	session *session
	sub     journal.Subscription
}

// add adds a subscription, in place of one with the same topic filter.
func (r *router) add(s *session, sub journal.Subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.root
	for level := range strings.SplitSeq(sub.TopicFilter, "/") {
		child := n.children[level]
		if child == nil {
			child = &node{}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[level] = child
		}
		n = child
	}
	if i := n.find(s); i >= 0 {
		n.subs[i].sub = sub
		return
	}
	n.subs = append(n.subs, subscriber{s, sub})
}

// remove removes a subscription.
func (r *router) remove(s *session, topicFilter string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.root.remove(s, topicFilter, true)
}

// remove removes the subscription below n and reports whether n is empty now.
func (n *node) remove(s *session, topicFilter string, more bool) bool {
	if more {
		level, rest, more := strings.Cut(topicFilter, "/")
		if child := n.children[level]; child != nil && child.remove(s, rest, more) {
			delete(n.children, level)
		}
	} else if i := n.find(s); i >= 0 {
		n.subs = slices.Delete(n.subs, i, i+1)
	}
	return len(n.children) == 0 && len(n.subs) == 0
}

func (n *node) find(s *session) int {
	return slices.IndexFunc(n.subs, func(e subscriber) bool { return e.session == s })
}

// match appends the sessions that topic goes to, each once.
func (r *router) match(to []target, topic string) []target {
	r.mu.RLock()
	defer r.mu.RUnlock()
	begin, nodes := len(to), 0
	to = r.root.match(to, &nodes, topic, true, strings.HasPrefix(topic, "$"))
	if nodes > 1 {
		to = append(to[:begin], merge(to[begin:])...)
	}
	return to
}

// match walks the levels of topic. more reports whether any are left, dollar
// that wildcards do not match the next one (MQTT 3.1.1, 4.7.2).
func (n *node) match(to []target, nodes *int, topic string, more, dollar bool) []target {
	if n == nil {
		return to
	}
	if all := n.children["#"]; all != nil && !dollar {
		to = all.collect(to, nodes)
	}
	if !more {
		return n.collect(to, nodes)
	}
	level, rest, more := strings.Cut(topic, "/")
	to = n.children[level].match(to, nodes, rest, more, false)
	if !dollar {
		to = n.children["+"].match(to, nodes, rest, more, false)
	}
	return to
}

func (n *node) collect(to []target, nodes *int) []target {
	if len(n.subs) == 0 {
		return to
	}
	*nodes++
	for i := range n.subs {
		e := &n.subs[i]
		to = append(to, newTarget(e.session, &e.sub))
	}
	return to
}

// merge joins the targets of one session: a message that several of its topic
// filters match is sent once, at the highest QoS.
func merge(to []target) []target {
	slices.SortStableFunc(to, func(a, b target) int { return cmp.Compare(a.session.number, b.session.number) })
	merged := to[:0]
	for _, t := range to {
		if n := len(merged); n > 0 && merged[n-1].session == t.session {
			merged[n-1].join(t)
			continue
		}
		merged = append(merged, t)
	}
	return merged
}

func (t *target) join(o target) {
	t.qos = max(t.qos, o.qos)
	t.noLocal = t.noLocal && o.noLocal
	t.retainAsPublished = t.retainAsPublished || o.retainAsPublished
	if len(o.ids) > 0 {
		t.ids = append(slices.Clip(t.ids), o.ids...)
	}
}
