package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/crypto/argon2"

	"hellox/broker/rights"
)

// A walled broker has users and an ACL.
type walled struct {
	t          testing.TB
	b          *Broker
	stop       func()
	options    Options
	said       *safeBuffer
	files      *rights.Files
	users, acl string // paths
	spies      bool   // a second listener asks for no user
}

// The users of a walled broker; the password of each is "secret of NAME".
var walledUsers = []string{"alice", "bob", "recv", "broadcast-0", "broadcast-1"}

func newWalled(t testing.TB, acl string) *walled { return makeWalled(t, acl, false) }

func makeWalled(t testing.TB, acl string, spies bool) *walled {
	t.Helper()
	dir := t.TempDir()
	w := &walled{t: t, spies: spies, said: &safeBuffer{}, users: filepath.Join(dir, "users"), acl: filepath.Join(dir, "acl")}
	log := slog.New(slog.NewTextHandler(w.said, nil))
	w.write(acl, walledUsers...)
	var err error
	if w.files, err = rights.OpenFiles(rights.Paths{Users: w.users, ACL: w.acl}, log); err != nil {
		t.Fatal(err)
	}
	w.options = Options{Authority: w.files, Store: filepath.Join(dir, "store"), Log: log}
	w.start()
	return w
}

func (w *walled) start() {
	w.options.Listeners = []Listener{{Net: listenLoopback(w.t)}}
	if w.spies {
		w.options.Listeners = append(w.options.Listeners, Listener{Net: listenLoopback(w.t), Open: true})
	}
	w.b, w.stop = startStop(w.t, w.options)
	w.t.Cleanup(w.stop)
}

// write writes the files.
func (w *walled) write(acl string, users ...string) {
	w.t.Helper()
	var b strings.Builder
	for _, name := range users {
		fmt.Fprintf(&b, "%s:%s\n", name, cheapHash("secret of "+name))
	}
	for path, text := range map[string]string{w.users: b.String(), w.acl: acl} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// cheapHash is a hash that takes no time.
func cheapHash(password string) string {
	salt := []byte("salt of all")
	key := argon2.IDKey([]byte(password), salt, 1, 64, 1, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=64,t=1,p=1$%s$%s", argon2.Version, b64(salt), b64(key))
}

// change writes the files and has the broker read them.
func (w *walled) change(acl string, users ...string) {
	w.t.Helper()
	w.write(acl, users...)
	if err := w.files.Reload(); err != nil {
		w.t.Fatal(err)
	}
	w.b.Recheck()
}

// as returns h with the login of a user, whose name is the client ID if there is
// none.
func (h hello) as(user string) hello {
	h.user, h.password = user, "secret of "+user
	if h.id == "" {
		h.id = user
	}
	return h
}

func (w *walled) connect(h hello) *client {
	w.t.Helper()
	return connect(w.t, w.b.Addr(0), h)
}

func (w *walled) refused(h hello, codes ...byte) {
	w.t.Helper()
	refused(w.t, w.b.Addr(0), h, codes...)
}

// A noting Authority notes what clients show.
type noting struct {
	rights.Authority
	resumes chan bool
}

func (n noting) Login(ctx context.Context, c rights.Credentials) (rights.Login, error) {
	n.resumes <- c.Resumes
	return n.Authority.Login(ctx, c)
}

// TestLoginResumes says which logins are those of a client with a session: it waits for
// turns of its own.
func TestLoginResumes(t *testing.T) {
	w := newWalled(t, "read * open/#\n")
	resumes := make(chan bool, 1)
	for _, k := range []struct {
		h    hello
		want bool
	}{
		{hello{id: "phone", keep: true}.as("alice"), false},
		{hello{id: "phone", keep: true}.as("alice"), true},
		{hello{id: "phone", keep: true, user: "alice", password: "guess"}, true},
		{hello{id: "phone", keep: true}.as("bob"), false},
		{hello{id: "laptop", keep: true}.as("alice"), false},
	} {
		w.stop() // also after a restart
		w.options.Authority = noting{w.files, resumes}
		w.start()
		tryConnect(t, w.b.Addr(0), k.h)
		if got := <-resumes; got != k.want {
			t.Errorf("%+v: resumes %v", k.h, got)
		}
	}
}

// TestGates says which listener lets in which clients.
func TestGates(t *testing.T) {
	loopback := listenLoopback(t)
	far := farListener{loopback}
	files := &rights.Files{}
	for _, k := range []struct {
		name string
		l    Listener
		o    Options
		ok   bool
	}{
		{"loopback, open", Listener{Net: loopback, Open: true}, Options{}, true},
		{"loopback, users", Listener{Net: loopback}, Options{Authority: files}, true},
		{"loopback, nothing", Listener{Net: loopback}, Options{}, false},
		{"beyond, nothing", Listener{Net: far}, Options{}, false},
		{"beyond, users without TLS", Listener{Net: far}, Options{Authority: files}, false},
		{"beyond, users without TLS, insecure", Listener{Net: far}, Options{Authority: files, Insecure: true}, false},
		{"beyond, insecure", Listener{Net: far}, Options{Insecure: true}, true},
	} {
		if _, err := k.o.gateOf(k.l); (err == nil) != k.ok {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

type farListener struct{ net.Listener }

func (farListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1883} }

// TestLogin lets in clients with the right password, and no others.
func TestLogin(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		w := newWalled(t, "read * open/#\n")
		wrong := byte(4)
		if v5 {
			wrong = packets.ErrBadUsernameOrPassword.Code
		}
		for _, h := range []hello{
			{id: "a"}, {id: "a", user: "alice", password: "secret of bob"},
			{id: "a", user: "carol", password: "secret of carol"},
		} {
			h.v5 = v5
			w.refused(h, wrong)
		}
		w.connect(hello{v5: v5}.as("alice")).disconnect()
		for _, secret := range []string{"secret of", b64([]byte("secret of alice"))} {
			if strings.Contains(w.said.String(), secret) {
				t.Error("the log has a password")
			}
		}
	})
}

// TestRightsTakenAway reads the files anew while a client is connected: what it may
// no longer do ends at once, and what waited for it is not delivered.
func TestRightsTakenAway(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		const before, after = "read alice open/#\nread alice more/#\nwrite bob #\n", "read alice open/#\nwrite bob #\n"
		w := newWalled(t, before)
		alice := w.connect(hello{keep: true, v5: v5}.as("alice"))
		alice.subscribe(1, "open/#", "more/#", "hellox/refused/alice")
		bob := w.connect(hello{v5: v5}.as("bob"))
		bob.publish("more/x", "1", 1, false)
		if g := alice.message(); g.payload != "1" { // not acknowledged: it would be sent again
			t.Fatalf("got %+v", g)
		}
		w.change(after, walledUsers...)
		if reason := alice.readRefusal("alice"); !strings.Contains(reason, "rights have changed") {
			t.Errorf("the reason is %q", reason)
		}
		alice.closed()
		bob.publish("more/x", "2", 1, false)
		bob.publish("open/x", "3", 1, false)
		alice = w.connect(hello{keep: true, resume: true, v5: v5}.as("alice"))
		if g := alice.take(); g.payload != "3" {
			t.Errorf("got %+v, want only what may be read", g)
		}
		alice.silent()
		if code := alice.subscribe(1, "more/#")[0]; code < 0x80 {
			t.Errorf("granted %#x", code)
		}
		alice.readRefusal("alice")
		// More rights end nothing.
		w.change(before, walledUsers...)
		if code := alice.subscribe(1, "more/#")[0]; code != 1 {
			t.Errorf("answered with %#x", code)
		}
		bob.publish("more/x", "4", 1, false)
		if g := alice.take(); g.payload != "4" {
			t.Errorf("got %+v", g)
		}
		// A user that is gone is gone.
		w.change("write bob #\n", "bob")
		alice.closed()
		wrong := byte(4)
		if v5 {
			wrong = packets.ErrBadUsernameOrPassword.Code
		}
		w.refused(hello{v5: v5}.as("alice"), wrong)
		bob.publish("open/x", "5", 1, false)
	})
}

// TestBrokenFilesChangeNothing writes the ACL file half: the broker goes on with
// what it had.
func TestBrokenFilesChangeNothing(t *testing.T) {
	w := newWalled(t, "read * open/#\nwrite bob open/#\n")
	alice, bob := w.connect(hello{}.as("alice")), w.connect(hello{}.as("bob"))
	alice.subscribe(0, "open/#")
	w.write("read * op", walledUsers...)
	if w.files.Reload() == nil {
		t.Fatal("half a file is taken")
	}
	w.b.Recheck()
	bob.publish("open/x", "x", 1, false)
	if g := alice.message(); g.payload != "x" {
		t.Errorf("got %+v", g)
	}
	if !strings.Contains(w.said.String(), "cut short") {
		t.Errorf("the log does not say so: %s", w.said)
	}
}

// TestWrongACLHoldsNoUserBack removes a user while the ACL has a slip: its connection
// ends, and those of others go on.
func TestWrongACLHoldsNoUserBack(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		w := newWalled(t, "read * open/#\nwrite bob open/#\n")
		alice, bob := w.connect(hello{v5: v5}.as("alice")), w.connect(hello{v5: v5}.as("bob"))
		w.write("read * open/#\nwrite bob open/#\nraed bob more/#\n", "bob")
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		reload := make(chan os.Signal, 1)
		reload <- os.Interrupt // any signal
		w.files.Watch(ctx, reload, func() { w.b.Recheck(); cancel() })
		alice.closed()
		bob.subscribe(0, "open/#")
		bob.publish("open/x", "x", 0, false)
		if g := bob.message(); g.payload != "x" {
			t.Errorf("got %+v", g)
		}
	})
}

// TestWillObeysRightsOfNow takes the right to publish a will while it waits for its
// delay, and while its client is connected.
func TestWillObeysRightsOfNow(t *testing.T) {
	const acl = "read alice #\nwrite bob ok/#\n"
	for _, k := range []struct {
		name string
		acl  string
		want bool
	}{{"taken", "read alice #\n", false}, {"left", acl, true}} {
		t.Run(k.name, func(t *testing.T) {
			w := newWalled(t, acl)
			alice := w.connect(hello{}.as("alice"))
			alice.subscribe(0, "#")
			w.connect(hello{willTopic: "ok/will", willDelay: 1, keep: true, v5: true}.as("bob")).c.Close()
			gone(t, w.b, "bob")
			w.change(k.acl, walledUsers...)
			// The next will is published later than the first one would have been.
			second := w.connect(hello{id: "alice2"}.as("alice"))
			second.subscribe(0, "x")
			wait(t, "the delay is over", func() bool { s := w.b.sessions.current("bob"); return s == nil || s.takesNoWill() })
			if !k.want {
				wait(t, "the log has it", func() bool { return strings.Contains(w.said.String(), "last will not published") })
				alice.silent()
			} else if g := alice.message(); g.topic != "ok/will" {
				t.Errorf("got %+v", g)
			}
		})
	}
}

// takesNoWill reports whether no will waits for its delay.
func (s *session) takesNoWill() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.will == nil
}

// TestSessionsWithoutOwner starts a broker with users on a store from before it had
// any: the client that may use the ID gets its session, no other identity does.
func TestSessionsWithoutOwner(t *testing.T) {
	w := newWalled(t, "role recv receive\nread alice #\nwrite bob #\n")
	w.stop()
	before := Options{Store: w.options.Store, Listeners: []Listener{{Net: listenLoopback(t), Open: true}}}
	b, stop := startStop(t, before)
	r := connect(t, b.Addr(0), hello{id: "hellox-receive", keep: true})
	r.subscribe(1, "hello_world/#")
	r.disconnect()
	gone(t, b, "hellox-receive")
	connect(t, b.Addr(0), hello{id: "p"}).publish("hello_world/x", "waits", 1, false)
	stop()
	w.start()
	w.refused(hello{id: "hellox-receive"}.as("alice"), 2)
	c, code, present := tryConnect(t, w.b.Addr(0), hello{id: "hellox-receive", keep: true}.as("recv"))
	if code != 0 || !present {
		t.Fatalf("code %#x, session present %v", code, present)
	}
	if g := c.take(); g.payload != "waits" {
		t.Errorf("got %+v", g)
	}
}
