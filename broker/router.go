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

// delivery returns how m is sent over c, the connection of the target's session.
func (t *target) delivery(c *conn, m *journal.Message) delivery {
	return delivery{v5: c.v5, qos: min(m.QoS, t.qos), retain: m.Retain && t.retainAsPublished && c.v5, ids: t.ids}
}

// A router finds the sessions that subscribe to a topic: a tree with a level of
// the topic filter at each node.
type router struct {
	mu     sync.RWMutex
	root   node
	routes map[string]*route              // by topic; cleared when a session subscribes, comes or leaves
	groups map[string]*journal.Group      // by their members
	known  struct{ targets, members int } // in routes, in groups
}

// maxKnown bounds what a router remembers: topics and targets of routes, and
// members of groups.
const maxKnown = 64 << 10

// A route is where the messages of a topic go. It is immutable.
type route struct {
	direct  []target       // connected sessions that get all of them from here
	stored  *journal.Group // sessions that get those above QoS 0 through the journal; may be nil
	present []target       // of stored, the connected ones: they get those at QoS 0 from here
	noLocal []*session     // of stored, those that want none of their own
}

// route returns the route of a topic.
func (r *router) route(topic string) *route {
	r.mu.RLock()
	known := r.routes[topic]
	r.mu.RUnlock()
	if known != nil {
		return known
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.routes[topic]; known != nil {
		return known
	}
	to := &route{}
	var members []*session
	for _, t := range r.match(topic) {
		s := t.session
		switch {
		case t.qos == 0 || !s.stored:
			if s.connected {
				to.direct = append(to.direct, t)
			}
			continue
		case s.connected:
			to.present = append(to.present, t)
		}
		members = append(members, s)
		if t.noLocal {
			to.noLocal = append(to.noLocal, s)
		}
	}
	if len(members) > 0 {
		slices.SortFunc(members, func(a, b *session) int { return cmp.Compare(a.number, b.number) })
		queues := make([]*journal.Queue, len(members))
		for i, s := range members {
			queues[i] = s.backlog
		}
		to.stored = r.group(queues)
	}
	r.known.targets += 1 + len(to.direct) + len(to.present)
	if r.known.targets > maxKnown || r.routes == nil {
		r.routes = map[string]*route{}
		r.known.targets = 0
	}
	r.routes[topic] = to
	return to
}

// group returns the group of queues: the same one as long as it is remembered,
// so that messages of several topics share rows of the journal. The caller holds
// r.mu.
func (r *router) group(queues []*journal.Queue) *journal.Group {
	fresh := journal.NewGroup(queues)
	if g := r.groups[fresh.Key()]; g != nil {
		return g
	}
	r.known.members += 1 + len(queues)
	if r.known.members > maxKnown || r.groups == nil {
		r.groups = map[string]*journal.Group{}
		r.known.members = 0
	}
	r.groups[fresh.Key()] = fresh
	return fresh
}

// storedFor returns the group of to that a message of a client goes to, or nil.
func (r *router) storedFor(to *route, origin string) *journal.Group {
	for _, s := range to.noLocal {
		if s.id != origin {
			continue
		}
		rest := to.stored.Without(s.backlog)
		if len(rest) == 0 {
			return nil
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.group(rest)
	}
	return to.stored
}

// forgetGroups forgets the groups: a session in them has ended.
func (r *router) forgetGroups() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.groups, r.known.members = nil, 0
}

// changed forgets the routes. The caller holds r.mu.
func (r *router) changed() {
	clear(r.routes)
	r.known.targets = 0
}

// setConnected tells the router whether a session has a connection. The caller
// holds s.mu.
func (r *router) setConnected(s *session, yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.connected = yes
	if len(s.subs) > 0 {
		r.changed()
	}
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
	r.changed()
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
	r.changed()
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

// match returns the sessions that topic goes to, each once. The caller holds r.mu.
func (r *router) match(topic string) []target {
	nodes := 0
	to := r.root.match(nil, &nodes, topic, true, strings.HasPrefix(topic, "$"))
	if nodes > 1 {
		to = merge(to)
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
