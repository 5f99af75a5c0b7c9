package broker

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"hellox/broker/journal"
	"hellox/broker/share"
	"hellox/broker/sharing"
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
	mu       sync.RWMutex
	root     node
	routes   map[string]*route                                     // by topic; cleared when a session subscribes, comes or leaves
	older    map[string]*route                                     // routes as it was when rotate was called last
	groups   map[string]*journal.Group                             // by their members
	shared   map[string]*sharedSub                                 // by topic filter
	sharedBy tally                                                 // of shared
	share    func(topicFilter, owner string) *sharing.Subscription // makes one
	metrics  *metrics
	known    struct{ targets, members int } // in routes, in groups
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
	// The member whose turn it is gets those at QoS 0 from here. All others are
	// stored, unless no member asked for more.
	shared   []*sharedSub
	unstored []*sharedSub // of shared, those whose members asked for QoS 0
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
	if known := r.older[topic]; known != nil {
		r.remember(topic, known)
		return known
	}
	to := &route{}
	var members []*session
	targets, shared := r.match(topic)
	for _, t := range targets {
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
	queues := make([]*journal.Queue, 0, len(members)+len(shared))
	for _, s := range members {
		queues = append(queues, s.backlog)
	}
	to.shared = shared
	for _, p := range shared {
		if p.stored {
			queues = append(queues, p.Queue)
		} else {
			to.unstored = append(to.unstored, p)
		}
	}
	if len(queues) > 0 {
		slices.SortFunc(queues, journal.CompareQueues)
		to.stored = r.group(queues)
	}
	r.remember(topic, to)
	return to
}

// remember adds a route to those that are known. The caller holds r.mu.
func (r *router) remember(topic string, to *route) {
	r.known.targets += 1 + len(to.direct) + len(to.present) + len(to.shared)
	if r.known.targets > maxKnown || r.routes == nil {
		r.routes = map[string]*route{}
		r.known.targets = 0
	}
	r.routes[topic] = to
}

// rotate forgets the routes that were not used since it was called last, if there are
// many. The broker calls it now and then: topics that were published once would
// take memory as long as no session subscribes, comes or leaves.
func (r *router) rotate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.routes)+len(r.older) > maxReused {
		r.older, r.routes = r.routes, nil
		r.known.targets = 0
	}
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
	if len(r.routes) > maxReused {
		r.routes = nil
	}
	clear(r.routes)
	r.older = nil
	r.known.targets = 0
}

// maxReused is how many routes are few: a map that had more is not used again, for it
// keeps its size.
const maxReused = 1024

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
	shared   []*sharedSub
}

type subscriber struct {
	session *session
	sub     journal.Subscription
}

// add adds a subscription, in place of one with the same topic filter. It returns the
// shared subscription of which s is a member by it, or nil. The caller holds s.mu.
func (r *router) add(s *session, sub journal.Subscription) *sharedSub {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed()
	n := r.node(share.Filter(sub.TopicFilter))
	if share.Is(sub.TopicFilter) {
		p := r.shared[sub.TopicFilter]
		if p == nil {
			p = newSharedSub(r.share(sub.TopicFilter, sharer(s.owner)))
			r.addShared(p)
			n.shared = append(n.shared, p)
		}
		r.join(p, s, sub.QoS)
		return p
	}
	if i := n.find(s); i >= 0 {
		n.subs[i].sub = sub
		return nil
	}
	n.subs = append(n.subs, subscriber{s, sub})
	return nil
}

// node returns the node of a topic filter, and makes it if it is not there.
func (r *router) node(topicFilter string) *node {
	n := &r.root
	for level := range strings.SplitSeq(topicFilter, "/") {
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
	return n
}

// remove removes a subscription. A shared one ends with its last member.
func (r *router) remove(s *session, topicFilter string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed()
	if p := r.shared[topicFilter]; p != nil {
		r.leave(p, s)
		return
	}
	r.root.remove(topicFilter, true, func(n *node) {
		if i := n.find(s); i >= 0 {
			n.subs = slices.Delete(n.subs, i, i+1)
		}
	})
}

// remove has the node of a topic filter below n changed, and reports whether n is
// empty now.
func (n *node) remove(topicFilter string, more bool, change func(*node)) bool {
	if more {
		level, rest, more := strings.Cut(topicFilter, "/")
		if child := n.children[level]; child != nil && child.remove(rest, more, change) {
			delete(n.children, level)
		}
	} else {
		change(n)
	}
	return len(n.children) == 0 && len(n.subs) == 0 && len(n.shared) == 0
}

func (n *node) find(s *session) int {
	return slices.IndexFunc(n.subs, func(e subscriber) bool { return e.session == s })
}

// match returns the sessions that topic goes to, each once, and the shared
// subscriptions. The caller holds r.mu.
func (r *router) match(topic string) ([]target, []*sharedSub) {
	var f matches
	f.match(&r.root, topic, true, strings.HasPrefix(topic, "$"))
	if f.nodes > 1 {
		f.to = merge(f.to)
	}
	return f.to, f.shared
}

// matches is what a topic goes to.
type matches struct {
	to     []target
	shared []*sharedSub
	nodes  int // of which to is
}

// match walks the levels of topic below n. more reports whether any are left, dollar
// that wildcards do not match the next one (MQTT 3.1.1, 4.7.2).
func (f *matches) match(n *node, topic string, more, dollar bool) {
	if n == nil {
		return
	}
	if all := n.children["#"]; all != nil && !dollar {
		f.collect(all)
	}
	if !more {
		f.collect(n)
		return
	}
	level, rest, more := strings.Cut(topic, "/")
	f.match(n.children[level], rest, more, false)
	if !dollar {
		f.match(n.children["+"], rest, more, false)
	}
}

func (f *matches) collect(n *node) {
	f.shared = append(f.shared, n.shared...)
	if len(n.subs) == 0 {
		return
	}
	f.nodes++
	for i := range n.subs {
		e := &n.subs[i]
		f.to = append(f.to, newTarget(e.session, &e.sub))
	}
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
