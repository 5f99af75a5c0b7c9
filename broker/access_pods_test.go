package broker

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/rights"
	"hellox/broker/token"
	"hellox/broker/token/tokentest"
)

// A namespace is a broker whose clients are pods, beside a listener that is open.
type namespace struct {
	t       testing.TB
	cluster *tokentest.Cluster
	pods    *token.Pods
	keys    string // path
	b       *Broker
}

func newNamespace(t testing.TB, acl string) *namespace {
	t.Helper()
	n := &namespace{t: t, cluster: tokentest.New(t)}
	dir := t.TempDir()
	n.keys = filepath.Join(dir, "jwks")
	n.write("ec")
	aclFile := ""
	if acl != "" {
		aclFile = filepath.Join(dir, "acl")
		if err := os.WriteFile(aclFile, []byte(acl), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if n.pods, err = token.Open(n.keys, aclFile, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	n.start(n.pods)
	return n
}

func (n *namespace) start(authority rights.Authority) {
	b, stop := startStop(n.t, Options{
		Authority: authority,
		Listeners: []Listener{{Net: listenLoopback(n.t)}, {Net: listenLoopback(n.t), Open: true}},
	})
	n.b = b
	n.t.Cleanup(stop)
}

// write writes the keys' file.
func (n *namespace) write(kids ...string) {
	n.t.Helper()
	if err := os.WriteFile(n.keys, n.cluster.File(kids...), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// pod is the CONNECT of a pod, with its name as the client ID.
func (n *namespace) pod(account, pod string) hello {
	return hello{id: pod, user: pod, password: n.cluster.Token("ec", account, pod, time.Now())}
}

// TestPodsKeyGone takes a key away: at once the connections of its tokens end, and
// those of the other key stay.
func TestPodsKeyGone(t *testing.T) {
	n := newNamespace(t, "")
	n.cluster.AddEC("next")
	n.write("ec", "next")
	if err := n.pods.Reload(); err != nil {
		t.Fatal(err)
	}
	old := connect(t, n.b.Addr(0), n.pod("broadcast", "broadcast-0"))
	h := hello{id: "broadcast-1", user: "broadcast-1", password: n.cluster.Token("next", "broadcast", "broadcast-1", time.Now())}
	fresh := connect(t, n.b.Addr(0), h)
	old.subscribe(0, "hellox/refused/broadcast-0")
	n.b.Recheck()
	old.publish("hello_world/broadcast/broadcast-0", "x", 1, false) // both keys are there
	n.write("next")
	if err := n.pods.Reload(); err != nil {
		t.Fatal(err)
	}
	n.b.Recheck()
	if reason := old.readRefusal("broadcast-0"); reason != "the broker does not have the key any more that signed the pod's token" {
		t.Errorf("the pod is told %q", reason)
	}
	old.closed()
	fresh.publish("hello_world/broadcast/broadcast-1", "x", 1, false)
	refused(t, n.b.Addr(0), n.pod("broadcast", "broadcast-0"), packets.Err3NotAuthorized.Code)
}

// timed is an Authority whose logins of one pod are over already.
type timed struct {
	*token.Pods
	pod string
}

func (a timed) Login(ctx context.Context, c rights.Credentials) (rights.Login, error) {
	l, err := a.Pods.Login(ctx, c)
	if c.User == a.pod {
		l.Ends = time.Now().Add(-time.Second)
	}
	return l, err
}

// TestLoginEnds has a login end: the connection does, with the reason, and its
// session stays; the client comes back and goes on. One whose login is valid stays.
func TestLoginEnds(t *testing.T) {
	n := newNamespace(t, "")
	n.start(timed{n.pods, "receive-0"})
	for _, v5 := range []bool{false, true} {
		h := n.pod("receive", "receive-0")
		h.id, h.keep, h.v5, h.resume = "hellox-receive", true, v5, v5
		staying := connect(t, n.b.Addr(0), n.pod("receive", "receive-1"))
		c := connect(t, n.b.Addr(0), h)
		c.subscribe(1, "hello_world/#", "hellox/refused/hellox-receive")
		if reason := c.readRefusal("hellox-receive"); !strings.Contains(reason, "has expired; connect again") {
			t.Errorf("the client is told %q", reason)
		}
		if v5 {
			if p := c.expect(packets.Disconnect); p.body[0] != packets.ErrMaxConnectTime.Code {
				t.Errorf("DISCONNECT has the code %#x", p.body[0])
			}
		}
		c.closed()
		staying.publish("hellox/command/broadcast-0", "x", 1, false)
		staying.c.Close()
	}
}
