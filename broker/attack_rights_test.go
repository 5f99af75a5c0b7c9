package broker

import (
	"fmt"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// attackACL is what the users of these attacks may do.
const attackACL = `deny  *    open/secret/#
role  recv receive
role  broadcast-0 broadcast
role  broadcast-1 broadcast
read  alice open/#
write alice open/alice/%c
read  *     mine/%i/#
write *     mine/%i/#
write bob   open/#
`

// wall returns a broker with users beside the arena's.
func (a *arena) wall() *walled { return makeWalled(a.t, attackACL, true) }

// pair is an attack by one client and its control by another, on a broker with
// users.
func pair(name, source string, act func(w *walled, v5 bool), control func(w *walled, v5 bool)) attack {
	run := func(f func(w *walled, v5 bool)) func(*arena) {
		return func(a *arena) {
			w := a.wall()
			for _, v5 := range []bool{false, true} {
				f(w, v5)
			}
		}
	}
	return attack{name, source, run(act), run(control)}
}

// refusedPublish publishes on topic as a user and wants it refused at each QoS, and
// delivered to no reader.
func (w *walled) refusedPublish(user string, v5 bool, topics ...string) {
	w.t.Helper()
	spy := w.spy()
	for _, topic := range topics {
		for qos := range byte(3) {
			c := w.connect(hello{v5: v5}.as(user))
			c.send(c.publishPacket(topic, "evil", qos, qos == 1, 7))
			switch {
			case qos == 0:
				c.silent()
			case v5:
				kind := packets.Puback
				if qos == 2 {
					kind = packets.Pubrec
				}
				if p := c.expect(kind); p.body[2] != packets.ErrNotAuthorized.Code {
					w.t.Errorf("%s at QoS %d is answered with %x", topic, qos, p.body)
				}
			default:
				c.closed()
			}
			c.c.Close()
		}
		if w.b.retained.Get(topic) != nil {
			w.t.Errorf("%s is retained", topic)
		}
	}
	spy.silent()
}

// published publishes on topic as a user and wants it delivered.
func (w *walled) published(user string, v5 bool, topic string) {
	w.t.Helper()
	spy := w.spy()
	w.connect(hello{v5: v5}.as(user)).publish(topic, "good", 1, false)
	if g := spy.take(); g.topic != topic {
		w.t.Errorf("got %+v, want %s", g, topic)
	}
	spy.c.Close()
}

// spy reads what any of these attacks could publish: it is let in beside the ACL.
func (w *walled) spy() *client {
	w.t.Helper()
	c := connect(w.t, w.b.Addr(1), hello{id: "spy"})
	c.subscribe(0, "#")
	return c
}

func (w *walled) refusedSubscribe(user string, v5 bool, topicFilters ...string) {
	w.t.Helper()
	c := w.connect(hello{v5: v5}.as(user))
	for _, f := range topicFilters {
		code := c.subscribe(1, f)[0]
		if want := map[bool]byte{false: 0x80, true: packets.ErrNotAuthorized.Code}[v5]; code != want && !(v5 && strings.HasPrefix(f, "$share") && code >= 0x80) {
			w.t.Errorf("%s is answered with %#x, want %#x", f, code, want)
		}
	}
	c.disconnect()
}

func (w *walled) subscribed(user string, v5 bool, topicFilters ...string) {
	w.t.Helper()
	c := w.connect(hello{v5: v5}.as(user))
	for _, f := range topicFilters {
		if code := c.subscribe(1, f)[0]; code != 1 {
			w.t.Errorf("%s is answered with %#x", f, code)
		}
	}
	c.disconnect()
}

// connectCode returns the code of a refused CONNECT, by its MQTT 5 code.
func connectCode(v5 bool, code packets.Code) byte {
	if v5 {
		return code.Code
	}
	return connackV3(code).Code
}

func rightsAttacks() []attack {
	idNotValid, badLogin, denied := packets.ErrClientIdentifierNotValid, packets.ErrBadUsernameOrPassword, packets.ErrNotAuthorized
	return []attack{
		pair("no login, or a wrong one", "Mosquitto CVE-2018-12551", func(w *walled, v5 bool) {
			for _, h := range []hello{{id: "a"}, {id: "a", user: "alice", password: "secret of bob"}, {id: "a", user: "mallory", password: "x"}, {id: "a", user: "*", password: "x"}} {
				h.v5 = v5
				w.refused(h, connectCode(v5, badLogin))
			}
		}, func(w *walled, v5 bool) { w.connect(hello{v5: v5}.as("alice")).disconnect() }),
		pair("publishing on another's topics", "mochi #398", func(w *walled, v5 bool) {
			w.refusedPublish("broadcast-0", v5, "hello_world/broadcast/broadcast-1", "hello_world/broadcast/broadcast-0/x", "hello_world/x", "hellox/answer/broadcast-1", "mine/alice/x")
		}, func(w *walled, v5 bool) { w.published("broadcast-1", v5, "hello_world/broadcast/broadcast-1") }),
		pair("another's presence, retained", "issue 11", func(w *walled, v5 bool) {
			w.refusedPublish("broadcast-0", v5, "hellox/presence/broadcast-1")
		}, func(w *walled, v5 bool) { w.published("broadcast-1", v5, "hellox/presence/broadcast-1") }),
		pair("commands to a broadcaster", "issue 12", func(w *walled, v5 bool) {
			w.refusedPublish("broadcast-0", v5, "hellox/command/broadcast-1")
			w.refusedPublish("alice", v5, "hellox/command/broadcast-1")
		}, func(w *walled, v5 bool) { w.published("recv", v5, "hellox/command/broadcast-1") }),
		pair("reading others' commands", "issue 12", func(w *walled, v5 bool) {
			w.refusedSubscribe("broadcast-0", v5, "hellox/command/broadcast-1", "hellox/command/+", "hellox/#", "hello_world/#")
		}, func(w *walled, v5 bool) { w.subscribed("broadcast-1", v5, "hellox/command/broadcast-1") }),
		pair("subscribing to everything", "hooks/auth/ledger.go", func(w *walled, v5 bool) {
			w.refusedSubscribe("alice", v5, "#", "+/#", "+/x", "+", "mine/#", "mine/+/x", "/open/#", "opens/#")
		}, func(w *walled, v5 bool) { w.subscribed("alice", v5, "open/#", "open", "open/+/x", "mine/alice/+") }),
		pair("a shared subscription past the rights", "NATS secnote-2026-18", func(w *walled, v5 bool) {
			w.refusedSubscribe("alice", v5, "$share/g/#", "$share/g/mine/bob/#", "$share/open/#", "$share/g/open/secret/#")
		}, func(w *walled, v5 bool) {
			w.subscribed("alice", v5, "open/#", "$share/g/open/#", "$share/g/mine/alice/+")
		}),
		pair("a stranger in a group, to take its messages away", "NATS secnote-2026-18", func(w *walled, v5 bool) {
			w.refusedSubscribe("bob", v5, "$share/g/open/#")
			if got := w.shareOpen(v5, "bob"); got != "0123" {
				w.t.Errorf("alice has %s of 0123", got)
			}
		}, func(w *walled, v5 bool) {
			if got := w.shareOpen(v5, "alice"); got != "02" {
				w.t.Errorf("alice has %s of 02", got)
			}
		}),
		pair("a member of a group that has lost its right", "Mosquitto CVE-2021-34434", func(w *walled, v5 bool) {
			if got := w.shareLost(v5, strings.Replace(attackACL, "read  alice open/#\n", "", 1)); got != " 0123" {
				w.t.Errorf("alice and recv have %q", got)
			}
		}, func(w *walled, v5 bool) {
			if got := w.shareLost(v5, attackACL+"# the same\n"); got != "02 13" {
				w.t.Errorf("alice and recv have %q", got)
			}
		}),
		pair("$SYS", "server.go:1516", func(w *walled, v5 bool) {
			w.refusedSubscribe("recv", v5, "$SYS/#", "$SYS/broker/version", "$sys/#", "$SYSTEM/#")
		}, func(w *walled, v5 bool) { w.subscribed("recv", v5, "hello_world/#") }),
		pair("a denied topic within an allowed filter", "Mosquitto CVE-2018-12550", func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(1, "open/#", "open/+/x")
			w.refusedSubscribe("alice", v5, "open/secret/#", "open/secret", "open/secret/x")
		}, func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(1, "open/#")
			spy := connect(w.t, w.b.Addr(1), hello{id: "pub"})
			spy.publish("open/secret/x", "secret", 1, false) // by one who may
			spy.publish("open/x", "public", 1, false)
			if g := c.take(); g.payload != "public" {
				w.t.Errorf("got %+v", g)
			}
			c.silent()
		}),
		pair("what only the broker says", "issue 11", func(w *walled, v5 bool) {
			w.refusedPublish("recv", v5, "hellox/broker", "hellox/refused/alice")
			w.refusedSubscribe("alice", v5, "hellox/refused/bob", "hellox/refused/+")
		}, func(w *walled, v5 bool) { w.subscribed("alice", v5, "hellox/broker", "hellox/refused/alice") }),
		pair("a last will on another's topic", "mochi #503, EMQX #8978", func(w *walled, v5 bool) {
			for _, topic := range []string{"mine/bob/x", "hello_world/x", "hellox/presence/broadcast-1", "hellox/broker", "open/secret/x"} {
				w.refused(hello{v5: v5, willTopic: topic, willRetain: true}.as("alice"), connectCode(v5, denied))
			}
		}, func(w *walled, v5 bool) {
			spy := w.spy()
			w.connect(hello{v5: v5, willTopic: "mine/alice/x"}.as("alice")).c.Close()
			if g := spy.message(); g.topic != "mine/alice/x" {
				w.t.Errorf("got %+v", g)
			}
			spy.c.Close()
		}),
		pair("a last will with wildcards or on $SYS", "server.go:1516", func(w *walled, v5 bool) {
			for _, topic := range []string{"mine/alice/#", "mine/alice/+", "$SYS/x", "#"} {
				w.refused(hello{v5: v5, willTopic: topic}.as("alice"), connectCode(v5, denied), connectCode(v5, packets.ErrTopicNameInvalid), 0xff)
			}
		}, func(w *walled, v5 bool) {
			w.connect(hello{v5: v5, willTopic: "mine/alice/x"}.as("alice")).disconnect()
		}),
		pair("client IDs that are not a level", "Mosquitto CVE-2017-7650", func(w *walled, v5 bool) {
			for _, id := range []string{"a/b", "+", "#", "$SYS", "a\x01", "a\u202eb", strings.Repeat("x", 65), strings.Repeat("x", 10_000)} {
				w.refused(hello{v5: v5, id: id}.as("alice"), connectCode(v5, idNotValid))
			}
			w.refused(hello{v5: v5, id: "a\x00b"}.as("alice"), 0xff, 0x81, 0x82, 2)
		}, func(w *walled, v5 bool) {
			w.connect(hello{v5: v5, id: strings.Repeat("x", 64)}.as("alice")).disconnect()
		}),
		pair("no client ID", "MQTT-3.1.3-8", func(w *walled, v5 bool) {
			c := dial(w.t, w.b.Addr(0))
			c.v5 = v5
			h := hello{v5: v5, keep: true}
			h.user, h.password = "alice", "secret of alice"
			c.send(h.packet())
			p := c.expect(packets.Connack)
			if !v5 && p.body[1] != 2 {
				w.t.Errorf("CONNACK %x", p.body)
			} else if v5 { // it gets one, and cannot write where that is a level of another's
				c.send(c.publishPacket("open/alice/x", "evil", 1, false, 1))
				if p := c.expect(packets.Puback); p.body[2] != denied.Code {
					w.t.Errorf("PUBACK %x", p.body)
				}
			}
		}, func(w *walled, v5 bool) { w.published("alice", v5, "open/alice/alice") }),
		pair("reserved client IDs", "issue 11", func(w *walled, v5 bool) {
			for _, id := range []string{"hellox-receive", "hellox-receive-retained", "broadcast-1", "broadcast-1-0", "bob"} {
				w.refused(hello{v5: v5, id: id}.as("alice"), connectCode(v5, idNotValid))
				w.refused(hello{v5: v5, id: id}.as("broadcast-0"), connectCode(v5, idNotValid))
			}
		}, func(w *walled, v5 bool) {
			w.connect(hello{v5: v5, id: "hellox-receive"}.as("recv")).disconnect()
			w.connect(hello{v5: v5, id: "broadcast-1-0"}.as("broadcast-1")).disconnect()
		}),
		pair("the session of another identity", "NATS CVE-2026-33215, mochi #504", func(w *walled, v5 bool) {
			w.queued(v5)
			w.refused(hello{v5: v5, id: "phone", keep: true, resume: true}.as("bob"), connectCode(v5, idNotValid))
			w.refused(hello{v5: v5, id: "phone"}.as("bob"), connectCode(v5, idNotValid))
			w.fetched(v5) // it is whole
		}, func(w *walled, v5 bool) { w.queued(v5); w.fetched(v5) }),
		pair("the connection of another identity", "Mosquitto #3551", func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5, id: "phone"}.as("alice"))
			w.refused(hello{v5: v5, id: "phone"}.as("bob"), connectCode(v5, idNotValid))
			c.silent()
			c.disconnect()
			gone(w.t, w.b, "phone")
		}, func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5, id: "phone"}.as("alice"))
			w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
			c.closed()
			gone(w.t, w.b, "phone")
		}),
		pair("a topic alias that the rights cannot see", "server.go processPublish", func(w *walled, v5 bool) {
			spy := w.spy()
			c := w.connect(hello{v5: true}.as("alice"))
			c.send(frame(packets.Publish<<4, append(str(nil, "mine/bob/x"), 3, 0x23, 0, 1, 'x')))
			c.closed()
			spy.silent()
		}, func(w *walled, v5 bool) { w.published("alice", v5, "mine/alice/x") }),
		pair("rights removed while connected", "Mosquitto CVE-2021-34434", func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(0, "open/#")
			w.change(strings.Replace(attackACL, "read  alice open/#\n", "", 1), walledUsers...)
			c.closed()
			connect(w.t, w.b.Addr(1), hello{id: "pub"}).publish("open/x", "secret", 1, false)
			for _, p := range c.pending {
				if p.kind() == packets.Publish {
					w.t.Errorf("got %+v", c.parse(p))
				}
			}
			w.change(attackACL, walledUsers...)
		}, func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(0, "open/#")
			w.change(attackACL+"# the same\n", walledUsers...)
			connect(w.t, w.b.Addr(1), hello{id: "pub"}).publish("open/x", "public", 1, false)
			if g := c.message(); g.payload != "public" {
				w.t.Errorf("got %+v", g)
			}
		}),
		pair("rights removed with messages queued and in flight", "server.go:562, NATS secnote-2026-26", func(w *walled, v5 bool) {
			w.inFlight(v5)
			w.change(strings.Replace(attackACL, "read  alice open/#\n", "", 1), walledUsers...)
			c := w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
			c.silent()
			c.disconnect()
			w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
			w.change(attackACL, walledUsers...)
		}, func(w *walled, v5 bool) {
			w.inFlight(v5)
			c := w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
			for _, want := range []string{"in flight", "queued"} {
				if g := c.take(); g.payload != want {
					w.t.Errorf("got %+v, want %s", g, want)
				}
			}
			c.disconnect()
			w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
		}),
		pair("rights removed with a retained message in flight", "Mosquitto CVE-2018-12546", func(w *walled, v5 bool) {
			w.retainedInFlight(v5)
			w.change(strings.Replace(attackACL, "read  alice open/#\n", "", 1), walledUsers...)
			c := w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
			c.silent()
			c.disconnect()
			w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
			w.change(attackACL, walledUsers...)
		}, func(w *walled, v5 bool) {
			w.retainedInFlight(v5).c.Close()
			c := w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
			if g := c.take(); g.payload != "kept" || !g.dup {
				w.t.Errorf("got %+v", g)
			}
			c.disconnect()
			w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
		}),
		pair("retained by one who may no longer publish there", "Mosquitto CVE-2018-12546", func(w *walled, v5 bool) {
			w.connect(hello{v5: v5}.as("bob")).publish("open/kept", "evil", 1, true)
			w.change(strings.Replace(attackACL, "write bob   open/#\n", "", 1), walledUsers...)
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(1, "open/kept")
			c.silent()
			c.c.Close()
			w.stop() // also when it has been on disk
			w.start()
			c = w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(1, "open/#")
			c.silent()
			w.change(attackACL, walledUsers...)
		}, func(w *walled, v5 bool) {
			w.connect(hello{v5: v5}.as("bob")).publish("open/kept", "good", 1, true)
			w.stop()
			w.start()
			c := w.connect(hello{v5: v5}.as("alice"))
			c.subscribe(1, "open/kept")
			if g := c.take(); g.payload != "good" {
				w.t.Errorf("got %+v", g)
			}
		}),
		pair("a user that is gone", "anchors F7", func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5, willTopic: "mine/alice/x"}.as("alice"))
			spy := w.spy()
			w.change("read * open/#\n", "bob")
			c.closed()
			gone(w.t, w.b, "alice")
			spy.silent() // nor its last will
			w.refused(hello{v5: v5}.as("alice"), connectCode(v5, badLogin))
			w.change(attackACL, walledUsers...)
		}, func(w *walled, v5 bool) {
			c := w.connect(hello{v5: v5}.as("alice"))
			w.change(attackACL, walledUsers...)
			c.silent()
		}),
		pair("half an ACL file", "Mosquitto CVE-2018-12550, -20145", func(w *walled, v5 bool) {
			for _, text := range []string{"", "read * #", "\n\n", "read *\n", "read * #\n\xff"} {
				w.write(text, walledUsers...)
				if w.files.Reload() == nil {
					w.t.Errorf("%q is taken", text)
				}
				w.b.Recheck()
			}
			w.refusedSubscribe("bob", v5, "#")
		}, func(w *walled, v5 bool) {
			w.change("read bob #\n", walledUsers...)
			w.subscribed("bob", v5, "#")
		}),
		{"two identities at once with one client ID", "issue 11", func(a *arena) {
			w := a.wall()
			for i := range 20 {
				id := fmt.Sprint("race", i)
				codes := make(chan byte, 2)
				for _, user := range []string{"alice", "bob"} {
					c := dial(a.t, w.b.Addr(0))
					go func() {
						_ = c.trySend(hello{id: id}.as(user).packet())
						p, err := c.read(testTimeout)
						if err != nil || p.kind() != packets.Connack {
							codes <- 0xff
							return
						}
						codes <- p.body[1]
					}()
				}
				if one, two := <-codes, <-codes; min(one, two) != 0 || max(one, two) != 2 {
					a.t.Errorf("the codes are %#x and %#x, want 0 and 2", one, two)
				}
			}
		}, func(a *arena) {
			w := a.wall()
			w.connect(hello{id: "race"}.as("alice"))
			w.connect(hello{id: "race2"}.as("bob"))
		}},
		{"an open listener that passes for safe", "finding 12", func(a *arena) {
			a.stop()
			if log := a.said.String(); !strings.Contains(log, "no client ID is protected") {
				a.t.Errorf("the log does not say that client IDs are not protected: %s", log)
			}
		}, func(a *arena) {
			w := a.wall()
			w.stop()
			if log := w.said.String(); strings.Contains(log, "insecure") {
				a.t.Errorf("the log: %s", log)
			}
		}},
	}
}

// queued leaves a message for alice's session, whose client is away.
func (w *walled) queued(v5 bool) {
	w.t.Helper()
	c := w.connect(hello{v5: v5, id: "phone", keep: true}.as("alice"))
	c.subscribe(1, "mine/alice/#")
	c.disconnect()
	gone(w.t, w.b, "phone")
	w.connect(hello{v5: v5, id: "alice2"}.as("alice")).publish("mine/alice/x", "secret", 1, false)
}

func (w *walled) fetched(v5 bool) {
	w.t.Helper()
	c := w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
	if g := c.take(); g.payload != "secret" {
		w.t.Errorf("got %+v", g)
	}
	c.disconnect()
	w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect() // ends the session
}

// retainedInFlight has a session of alice hold a retained message that it was sent and
// has not acknowledged: the journal does not have it.
func (w *walled) retainedInFlight(v5 bool) *client {
	w.t.Helper()
	w.connect(hello{v5: v5}.as("bob")).publish("open/held", "kept", 1, true)
	c := w.connect(hello{v5: v5, id: "phone", keep: true}.as("alice"))
	c.subscribe(1, "open/held")
	if g := c.message(); g.payload != "kept" {
		w.t.Errorf("got %+v", g)
	}
	return c
}

// inFlight leaves a message unacknowledged by alice's client and one queued.
func (w *walled) inFlight(v5 bool) {
	w.t.Helper()
	c := w.connect(hello{v5: v5, id: "phone", keep: true}.as("alice"))
	c.subscribe(1, "open/#")
	bob := w.connect(hello{v5: v5}.as("bob"))
	bob.publish("open/x", "in flight", 1, false)
	if g := c.message(); g.payload != "in flight" {
		w.t.Fatalf("got %+v", g)
	}
	c.c.Close()
	gone(w.t, w.b, "phone")
	bob.publish("open/x", "queued", 1, false)
}

// shareOpen has alice and another user's client join a group, and returns what alice
// has of four messages.
func (w *walled) shareOpen(v5 bool, user string) string {
	w.t.Helper()
	alice := w.connect(hello{v5: v5, id: "alice1"}.as("alice"))
	alice.subscribe(1, "$share/g/open/#")
	other := w.connect(hello{v5: v5, id: "other"}.as(user))
	other.subscribe(1, "$share/g/open/#")
	bob := w.connect(hello{v5: v5}.as("bob"))
	for i := range 4 {
		bob.publish("open/x", fmt.Sprint(i), 1, false)
	}
	got := ""
	for i := range 4 {
		if i%2 == 0 || user != "alice" {
			got += alice.take().payload
		} else {
			other.take()
		}
	}
	other.silent()
	alice.disconnect()
	other.disconnect()
	gone(w.t, w.b, "alice1")
	gone(w.t, w.b, "other")
	return got
}

// shareLost has a session of alice's in a group with one that stays, changes the
// rights, and returns what each has of four messages.
func (w *walled) shareLost(v5 bool, acl string) string {
	w.t.Helper()
	const group = "$share/g/open/#"
	phone := w.connect(hello{v5: v5, id: "phone", keep: true}.as("alice"))
	phone.subscribe(1, group)
	phone.disconnect()
	gone(w.t, w.b, "phone")
	w.change(acl, walledUsers...)
	phone = w.connect(hello{v5: v5, id: "phone", keep: true, resume: true}.as("alice"))
	stays := connect(w.t, w.b.Addr(1), hello{id: "stays", v5: v5}) // beside the ACL
	stays.subscribe(1, group)
	bob := w.connect(hello{v5: v5}.as("bob"))
	var got [2]string
	for i := range 4 {
		bob.publish("open/x", fmt.Sprint(i), 1, false)
	}
	for have := 0; have < 4; {
		for i, c := range []*client{phone, stays} {
			c.send([]byte{packets.Pingreq << 4, 0})
			for {
				p, err := c.read(testTimeout)
				if err != nil {
					w.t.Fatal(err)
				}
				if p.kind() == packets.Pingresp {
					break
				}
				g := c.parse(p)
				c.ack(g.id)
				got[i] += g.payload
				have++
			}
		}
	}
	for _, c := range []*client{phone, stays} {
		c.disconnect()
	}
	w.connect(hello{v5: v5, id: "phone"}.as("alice")).disconnect()
	gone(w.t, w.b, "phone")
	gone(w.t, w.b, "stays")
	w.change(attackACL, walledUsers...)
	return got[0] + " " + got[1]
}
