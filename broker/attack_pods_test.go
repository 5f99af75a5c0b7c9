package broker

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/token/tokentest"
)

// podPair is an attack by one client and its control by another, on a broker whose
// clients are pods, in MQTT 3.1.1 and 5.
func podPair(name, source string, act, control func(n *namespace, v5 bool)) attack {
	run := func(f func(n *namespace, v5 bool)) func(*arena) {
		return func(a *arena) {
			n := newNamespace(a.t, "")
			for _, v5 := range []bool{false, true} {
				f(n, v5)
			}
		}
	}
	return attack{name, source, run(act), run(control)}
}

// refusedTokens connects as broadcast-1 with each of these passwords.
func (n *namespace) refusedTokens(v5 bool, tokens ...string) {
	n.t.Helper()
	for _, token := range tokens {
		refused(n.t, n.b.Addr(0), hello{id: "broadcast-1", user: "broadcast-1", password: token, v5: v5}, connectCode(v5, packets.ErrNotAuthorized))
	}
}

// claims are those of broadcast-1, with some changed.
func (n *namespace) claims(changes map[string]any) map[string]any {
	return tokentest.With(tokentest.Claims("broadcast", "broadcast-1", time.Now()), changes)
}

// connects is the control of a refused token: the right one is let in.
func (n *namespace) connects(v5 bool) { n.as("broadcast-1", v5).disconnect() }

// as connects a broadcaster.
func (n *namespace) as(pod string, v5 bool) *client {
	n.t.Helper()
	h := n.pod("broadcast", pod)
	h.v5 = v5
	return connect(n.t, n.b.Addr(0), h)
}

// share is the CONNECT of the process broadcast-1 of a fleet, which has broadcast-500 to
// broadcast-999, under a client ID.
func (n *namespace) share(id string, v5 bool) hello {
	h := n.pod("broadcasters", "broadcast-1")
	h.id, h.v5 = id, v5
	return h
}

// publishes has a broadcaster publish, and wants it delivered or refused.
func (n *namespace) publishes(pod string, v5, allowed bool, topics ...string) {
	n.t.Helper()
	n.publishesAs(func() *client { return n.as(pod, v5) }, v5, allowed, topics...)
}

func (n *namespace) publishesAs(as func() *client, v5, allowed bool, topics ...string) {
	n.t.Helper()
	for _, topic := range topics {
		spy := connect(n.t, n.b.Addr(1), hello{id: "spy"})
		spy.subscribe(0, "#")
		c := as()
		c.send(c.publishPacket(topic, "x", 1, !allowed, 7))
		switch {
		case allowed:
			if got := spy.take(); got.topic != topic {
				n.t.Errorf("got %+v, want %s", got, topic)
			}
		case v5:
			if p := c.expect(packets.Puback); p.body[2] != packets.ErrNotAuthorized.Code {
				n.t.Errorf("%s is answered with %x", topic, p.body)
			}
		default:
			c.closed()
		}
		if !allowed {
			spy.silent()
		}
		c.c.Close()
		spy.c.Close()
	}
}

// reads has a broadcaster subscribe, and wants it granted or refused.
func (n *namespace) reads(pod string, v5, allowed bool, filters ...string) {
	n.t.Helper()
	n.readsAs(n.as(pod, v5), allowed, filters...)
}

func (n *namespace) readsAs(c *client, allowed bool, filters ...string) {
	n.t.Helper()
	for _, f := range filters {
		if code := c.subscribe(1, f)[0]; (code < 0x80) != allowed {
			n.t.Errorf("%s is answered with %#x", f, code)
		}
	}
	c.disconnect()
}

func podAttacks() []attack {
	control := func(n *namespace, v5 bool) { n.connects(v5) }
	return []attack{
		podPair("no token, or a password", "issue 12", func(n *namespace, v5 bool) {
			n.refusedTokens(v5, "", "swordfish", "a.b.c", ".")
			refused(n.t, n.b.Addr(0), hello{id: "a", v5: v5}, connectCode(v5, packets.ErrNotAuthorized))
		}, control),
		podPair("a token without a signature", "CVE-2015-9235", func(n *namespace, v5 bool) {
			n.refusedTokens(v5, n.cluster.Unsigned("ec", n.claims(nil)), n.cluster.Unsigned("", n.claims(nil)))
		}, control),
		podPair("the public key as the secret", "CVE-2016-5431", func(n *namespace, v5 bool) {
			der, err := x509.MarshalPKIXPublicKey(n.cluster.Public("ec"))
			if err != nil {
				n.t.Fatal(err)
			}
			n.refusedTokens(v5, n.cluster.HMAC("ec", der, n.claims(nil)))
		}, control),
		podPair("another cluster's token, its key in the header", "CVE-2018-0114", func(n *namespace, v5 bool) {
			other := tokentest.New(n.t)
			n.refusedTokens(v5, other.Sign("ec", n.claims(nil)), other.SignAs("ec", map[string]any{"alg": "ES256", "kid": "ec", "jwk": other.JWK("ec")}, n.claims(nil)))
		}, control),
		podPair("another audience's, as the API server's own", "issue 12", func(n *namespace, v5 bool) {
			n.refusedTokens(v5, n.cluster.Sign("ec", n.claims(map[string]any{"aud": []string{tokentest.Issuer}})), n.cluster.Sign("ec", n.claims(map[string]any{"aud": nil})))
		}, control),
		podPair("an expired one, and one of tomorrow", "F7", func(n *namespace, v5 bool) {
			n.refusedTokens(v5, n.cluster.Token("ec", "broadcast", "broadcast-1", time.Now().Add(-time.Hour)), n.cluster.Token("ec", "broadcast", "broadcast-1", time.Now().Add(24*time.Hour)))
		}, control),
		podPair("another namespace's", "issue 12", func(n *namespace, v5 bool) {
			own := map[string]any{
				"namespace": "other", "pod": map[string]any{"name": "broadcast-1", "uid": "1"},
				"serviceaccount": map[string]any{"name": "broadcast", "uid": "1"},
			}
			n.refusedTokens(v5, n.cluster.Sign("ec", n.claims(map[string]any{"sub": "system:serviceaccount:other:broadcast", "kubernetes.io": own})))
		}, control),
		podPair("another ServiceAccount's", "issue 12", func(n *namespace, v5 bool) {
			h := n.pod("default", "foreign")
			h.v5 = v5
			refused(n.t, n.b.Addr(0), h, connectCode(v5, packets.ErrNotAuthorized))
		}, control),
		podPair("another pod's name with its own token", "F7", func(n *namespace, v5 bool) {
			n.refusedTokens(v5, n.cluster.Token("ec", "broadcast", "broadcast-2", time.Now()))
		}, control),
		podPair("another pod's client ID, and the receiver's", "F7", func(n *namespace, v5 bool) {
			for _, id := range []string{"broadcast-2", "broadcast-2-0", "broadcast-10", "hellox-receive", "hellox-receive-retained"} {
				h := n.pod("broadcast", "broadcast-1")
				h.id, h.v5 = id, v5
				refused(n.t, n.b.Addr(0), h, connectCode(v5, packets.ErrClientIdentifierNotValid))
			}
		}, func(n *namespace, v5 bool) {
			h := n.pod("broadcast", "broadcast-1")
			h.id, h.v5 = "broadcast-1-0", v5
			connect(n.t, n.b.Addr(0), h).disconnect()
		}),
		podPair("the session of a pod that is gone", "F7", func(n *namespace, v5 bool) {
			n.leaveSession(v5)
			h := n.pod("client", "mallory")
			h.id, h.v5, h.keep, h.resume = "own", v5, true, true
			refused(n.t, n.b.Addr(0), h, connectCode(v5, packets.ErrClientIdentifierNotValid))
		}, func(n *namespace, v5 bool) {
			n.leaveSession(v5)
			h := n.pod("receive", "receive-new") // the pod that takes its place
			h.id, h.v5, h.keep, h.resume = "own", v5, true, true
			if c, code, present := tryConnect(n.t, n.b.Addr(0), h); code != 0 || !present {
				n.t.Errorf("the new pod is answered with %#x, session present %v", code, present)
			} else {
				c.disconnect()
			}
		}),
		podPair("the token of a deleted pod, when another has its name", "issue 12", func(n *namespace, v5 bool) {
			gone := n.cluster.Sign("ec", tokentest.WithPod(tokentest.Claims("broadcast", "broadcast-1", time.Now().Add(-time.Minute)), "broadcast-1", "gone"))
			n.connects(v5)
			n.refusedTokens(v5, gone)
		}, control),
		podPair("another's broadcasts, presence and answers", "F7", func(n *namespace, v5 bool) {
			n.publishes("broadcast-1", v5, false, "hello_world/broadcast/broadcast-2", "hellox/presence/broadcast-2", "hellox/answer/broadcast-2", "hellox/command/broadcast-2", "hello_world/publish")
		}, func(n *namespace, v5 bool) {
			n.publishes("broadcast-2", v5, true, "hello_world/broadcast/broadcast-2", "hellox/presence/broadcast-2", "hellox/answer/broadcast-2")
		}),
		podPair("a client ID beyond a fleet process's share", "issue 15", func(n *namespace, v5 bool) {
			for _, id := range []string{"broadcast-499", "broadcast-1000", "broadcast-0", "broadcast-1", "broadcast-0500", "broadcast-500-0", "broadcast-1-500", "broadcast-+500", "broadcast-18446744073709551116", "hellox-receive"} {
				refused(n.t, n.b.Addr(0), n.share(id, v5), connectCode(v5, packets.ErrClientIdentifierNotValid))
			}
		}, func(n *namespace, v5 bool) {
			for _, id := range []string{"broadcast-500", "broadcast-999"} {
				connect(n.t, n.b.Addr(0), n.share(id, v5)).disconnect()
			}
		}),
		podPair("what another of the same share publishes, and another share's", "issue 15", func(n *namespace, v5 bool) {
			as := func() *client { return connect(n.t, n.b.Addr(0), n.share("broadcast-501", v5)) }
			n.publishesAs(as, v5, false, "hello_world/broadcast/broadcast-500", "hello_world/broadcast/broadcast-499", "hellox/presence/broadcast-1", "hellox/answer/broadcast-1000", "hello_world/publish")
			as = func() *client { return connect(n.t, n.b.Addr(0), n.share("free", v5)) }
			n.publishesAs(as, v5, false, "hello_world/broadcast/broadcast-501", "hello_world/broadcast/broadcast-1", "hello_world/broadcast/free")
		}, func(n *namespace, v5 bool) {
			as := func() *client { return connect(n.t, n.b.Addr(0), n.share("broadcast-501", v5)) }
			n.publishesAs(as, v5, true, "hello_world/broadcast/broadcast-501", "hellox/presence/broadcast-501", "hellox/answer/broadcast-501")
		}),
		podPair("commands beyond a fleet process's share, and the stream", "issue 15", func(n *namespace, v5 bool) {
			n.readsAs(connect(n.t, n.b.Addr(0), n.share("broadcast-501", v5)), false, "hellox/command/broadcast-499", "hellox/command/+", "hello_world/#", "#", "hellox/presence/broadcast-1000")
			n.readsAs(connect(n.t, n.b.Addr(0), n.share("free", v5)), false, "hellox/command/broadcast-501", "hellox/command/free")
		}, func(n *namespace, v5 bool) {
			n.readsAs(connect(n.t, n.b.Addr(0), n.share("broadcast-501", v5)), true, "hellox/command/broadcast-501", "hellox/presence/broadcast-501")
		}),
		podPair("the last will of another share", "issue 15", func(n *namespace, v5 bool) {
			h := n.share("broadcast-500", v5)
			h.willTopic = "hellox/presence/broadcast-499"
			refused(n.t, n.b.Addr(0), h, connectCode(v5, packets.ErrNotAuthorized))
		}, func(n *namespace, v5 bool) {
			h := n.share("broadcast-500", v5)
			h.willTopic = "hellox/presence/broadcast-500"
			connect(n.t, n.b.Addr(0), h).disconnect()
		}),
		podPair("the token of a deleted process of a fleet, when another has its name", "issue 15", func(n *namespace, v5 bool) {
			gone := n.cluster.Sign("ec", tokentest.WithPod(tokentest.Claims("broadcasters", "broadcast-1", time.Now().Add(-time.Minute)), "broadcast-1", "gone"))
			connect(n.t, n.b.Addr(0), n.share("broadcast-500", v5)).disconnect()
			refused(n.t, n.b.Addr(0), hello{id: "broadcast-500", user: "broadcast-1", password: gone, v5: v5}, connectCode(v5, packets.ErrNotAuthorized))
		}, func(n *namespace, v5 bool) {
			connect(n.t, n.b.Addr(0), n.share("broadcast-500", v5)).disconnect()
		}),
		podPair("another's commands, and the stream", "issue 12", func(n *namespace, v5 bool) {
			n.reads("broadcast-1", v5, false, "hello_world/#", "hellox/command/broadcast-2", "hellox/command/+", "#", "+/#", "$share/g/hello_world/#", "hellox/presence/broadcast-2")
		}, func(n *namespace, v5 bool) { n.reads("broadcast-2", v5, true, "hellox/command/broadcast-2") }),
		podPair("another's last will", "EMQX #8978", func(n *namespace, v5 bool) {
			h := n.pod("broadcast", "broadcast-1")
			h.v5, h.willTopic = v5, "hellox/presence/broadcast-2"
			refused(n.t, n.b.Addr(0), h, connectCode(v5, packets.ErrNotAuthorized))
		}, func(n *namespace, v5 bool) {
			h := n.pod("broadcast", "broadcast-1")
			h.v5, h.willTopic = v5, "hellox/presence/broadcast-1"
			connect(n.t, n.b.Addr(0), h).disconnect()
		}),
		{"plain, TLS 1.2 and 1.1 to the pods' listener", "F1", func(a *arena) {
			address, roots := a.tlsListener()
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS11} {
				c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: version})
				if err == nil {
					c.Close()
					a.t.Errorf("TLS %#x is spoken", version)
				}
			}
			c, err := net.Dial("tcp", address)
			if err != nil {
				a.t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write(hello{id: "plain"}.packet())
			_ = c.SetReadDeadline(time.Now().Add(testTimeout))
			b := make([]byte, 4)
			if n, _ := c.Read(b); n == 4 && b[0] == packets.Connack<<4 {
				a.t.Error("a plain CONNECT is answered")
			}
		}, func(a *arena) {
			address, roots := a.tlsListener()
			c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13})
			if err != nil {
				a.t.Fatal(err)
			}
			defer c.Close()
			_, _ = c.Write(hello{id: "secure"}.packet())
			_ = c.SetReadDeadline(time.Now().Add(testTimeout))
			b := make([]byte, 4)
			if n, err := c.Read(b); n != 4 || b[3] != 0 {
				a.t.Errorf("TLS 1.3 is answered with %x, %v", b, err)
			}
		}},
	}
}

// leaveSession leaves the session of a receiver's pod behind.
func (n *namespace) leaveSession(v5 bool) {
	n.t.Helper()
	h := n.pod("receive", "receive-old")
	h.id, h.v5, h.keep = "own", v5, true
	c := connect(n.t, n.b.Addr(0), h)
	c.subscribe(1, "hello_world/#")
	c.disconnect()
}

// tlsListener starts a broker that speaks TLS 1.3 alone, as hellox broker does, and
// returns its address and authority.
func (a *arena) tlsListener() (address string, roots *x509.CertPool) {
	a.t.Helper()
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	server.Close()
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	b, stop := startStop(a.t, Options{Listeners: []Listener{{
		Net: listenLoopback(a.t), Open: true,
		TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: server.TLS.Certificates},
	}}})
	a.t.Cleanup(stop)
	return b.Addr(0).String(), roots
}
