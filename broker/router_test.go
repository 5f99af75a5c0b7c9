package broker

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hellox/broker/journal"
	"hellox/stream"
)

// levels are those of the topics and filters that tests make; z is in no filter.
var levels = []string{"a", "b", "", "+", "#", "$SYS"}

func randomFilter(r *rand.Rand) string {
	for {
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = levels[r.IntN(len(levels))]
		}
		if f := strings.Join(parts, "/"); stream.CheckTopicFilter(f) == nil {
			return f
		}
	}
}

// allTopics returns every topic of at most four of these levels.
func allTopics() []string {
	names := []string{"a", "b", "", "z", "$SYS"}
	topics := append([]string(nil), names...)
	for last := topics; len(topics) < 700; {
		var next []string
		for _, t := range last {
			for _, n := range names {
				next = append(next, t+"/"+n)
			}
		}
		topics = append(topics, next...)
		last = next
	}
	return topics
}

// TestDollarTopics has a client on loopback use the topics of the cloud's
// devices. $SYS stays the broker's, in any case, and the wildcards of others
// match none of them.
func TestDollarTopics(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{Insecure: true, Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t)}}})
		sub, all := connect(t, b.Addr(0), hello{id: "sub", v5: v5}), connect(t, b.Addr(0), hello{id: "all", v5: v5})
		if codes := sub.subscribe(1, "$aws/things/+/shadow/#", "$foo/x"); codes[0] != 1 || codes[1] != 1 {
			t.Fatalf("granted %#x", codes)
		}
		all.subscribe(0, "#", "+/things/pump/shadow/update")
		pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5})
		for _, topic := range []string{"$aws/things/pump/shadow/update", "$foo/x"} {
			pub.publish(topic, "x", 1, false)
			if g := sub.take(); g.topic != topic {
				t.Errorf("got %+v, want %s", g, topic)
			}
		}
		all.silent()
		for _, f := range []string{"$SYS/#", "$sys/broker/version", "$SYSTEM/#", "$share/g/$SYS/#", "$share/hello_world", "$SHARE/g/x"} {
			if code := sub.subscribe(0, f)[0]; code < 0x80 {
				t.Errorf("%s is granted (%#x)", f, code)
			}
		}
		// Beyond loopback only what was allowed is.
		if code := connect(t, b.Addr(1), hello{id: "far", v5: v5}).subscribe(0, "$aws/#")[0]; code < 0x80 {
			t.Errorf("$aws/# is granted beyond loopback (%#x)", code)
		}
	})
}

// TestSubscribeAfterTheEnd has a client's SUBSCRIBE be handled when another connection
// has just replaced its session: nothing of it stays in the router.
func TestSubscribeAfterTheEnd(t *testing.T) {
	b := start(t, Options{})
	c := connect(t, b.Addr(0), hello{id: "c"})
	s := b.sessions.current("c")
	connect(t, b.Addr(0), hello{id: "c"}).disconnect()
	c.closed()
	if s.subscribe(&b.router, journal.Subscription{TopicFilter: "a/b"}) {
		t.Error("an ended session has a new subscription")
	}
	if n := len(b.router.root.children); n > 0 {
		t.Errorf("%d levels are left", n)
	}
}

// TestRoutesAreForgotten has many topics be published once, and one again and again:
// only its route stays known.
func TestRoutesAreForgotten(t *testing.T) {
	var r router
	used := r.route("used")
	for n := range 5000 {
		r.route(strconv.Itoa(n))
	}
	r.rotate()
	if r.route("used") != used {
		t.Error("the route was made anew")
	}
	r.rotate()
	if len(r.routes) > 0 || len(r.older) != 1 || r.older["used"] != used {
		t.Errorf("%d and %d routes are known", len(r.routes), len(r.older))
	}
	r.rotate() // one is few
	if r.route("used") != used {
		t.Error("the route was made anew")
	}
}

// TestRouter holds the tree against matching one by one.
func TestRouter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	topics := allTopics()
	var r router
	var all []*session
	for n := range 20 {
		s := newSession("", "", uint64(n), &journal.Journal{}, nil)
		if s.stored = n%2 == 0; s.stored {
			s.backlog = s.journal.NewQueue(s, "", 0, true)
		}
		all = append(all, s)
	}
	for range 2000 {
		s, topicFilter := all[rnd.IntN(len(all))], randomFilter(rnd)
		if rnd.IntN(3) == 0 {
			s.unsubscribe(&r, topicFilter)
		} else {
			s.subscribe(&r, journal.Subscription{TopicFilter: topicFilter, QoS: byte(rnd.IntN(2))})
		}
		if s := all[rnd.IntN(len(all))]; rnd.IntN(3) == 0 {
			r.setConnected(s, !s.connected)
		}
		topic := topics[rnd.IntN(len(topics))]
		want := map[*session]byte{}
		for _, s := range all {
			for _, sub := range s.subs {
				if stream.MatchTopic(sub.TopicFilter, topic) {
					want[s] = max(want[s], sub.QoS)
				}
			}
		}
		checkRoute(t, r.route(topic), topic, want)
	}
	for _, s := range all {
		s.end(&r)
	}
	if len(r.root.children) > 0 || len(r.root.subs) > 0 {
		t.Error("the tree keeps nodes without subscriptions")
	}
}

// checkRoute wants in a route the sessions of want, with their QoS.
func checkRoute(t *testing.T, r *route, topic string, want map[*session]byte) {
	t.Helper()
	stored := 0
	for s, qos := range want {
		has := func(targets []target) bool {
			return slices.ContainsFunc(targets, func(t target) bool { return t.session == s && t.qos == qos })
		}
		queued := s.stored && qos > 0
		if queued {
			stored++
		}
		if has(r.direct) != (s.connected && !queued) || has(r.present) != (s.connected && queued) {
			t.Fatalf("%q goes to session %d at QoS %d (connected %v, stored %v): directly %v, at QoS 0 %v", topic, s.number, qos, s.connected, s.stored, has(r.direct), has(r.present))
		}
	}
	if extra := len(r.direct) + len(r.present); extra > len(want) {
		t.Fatalf("%q goes to %d sessions, want %d", topic, extra, len(want))
	}
	if r.stored == nil && stored > 0 || r.stored != nil && r.stored.Len() != stored {
		t.Fatalf("%q is stored for %v, want %d sessions", topic, r.stored, stored)
	}
}
