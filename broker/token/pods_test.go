package token

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/broker/rights"
	"hellox/broker/token/tokentest"
)

// pods opens the files of a cluster with the key "ec", on a clock that stands.
func pods(t *testing.T, acl string) (*tokentest.Cluster, *Pods) {
	t.Helper()
	c := tokentest.New(t)
	dir := t.TempDir()
	keys, aclFile := filepath.Join(dir, "jwks"), ""
	write(t, keys, string(c.File("ec")))
	if acl != "" {
		aclFile = filepath.Join(dir, "acl")
		write(t, aclFile, acl)
	}
	p, err := Open(keys, aclFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.now = func() time.Time { return now }
	return c, p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func login(t *testing.T, p *Pods, user, token string) rights.Login {
	t.Helper()
	l, err := p.Login(t.Context(), rights.Credentials{User: user, Password: []byte(token)})
	if err != nil {
		t.Fatalf("%s: %v", user, err)
	}
	return l
}

func TestPods(t *testing.T) {
	c, p := pods(t, "write press hello_world/press/#\n")
	broadcast := login(t, p, "broadcast-1", c.Token("ec", "broadcast", "broadcast-1", now))
	receive := login(t, p, "receive-5d6f", c.Token("ec", "receive", "receive-5d6f", now))
	press := login(t, p, "press-7c", c.Token("ec", "press", "press-7c", now))
	client := login(t, p, "mine-0", c.Token("ec", "client", "mine-0", now))
	for l, want := range map[rights.Login]string{
		broadcast: "pod:hellox/broadcast/broadcast-1", receive: "pod:hellox/receive", press: "pod:hellox/press", client: "pod:hellox/client",
	} {
		if l.Identity != want {
			t.Errorf("%s, want %s", l.Identity, want)
		}
		expires := now.Add(10 * time.Minute)
		if l.Ends.Before(expires) || l.Ends.After(expires.Add(time.Hour)) {
			t.Errorf("%s ends at %v", l.Identity, l.Ends)
		}
		if got := p.Rights(rights.Login{Identity: l.Identity}, "x"); got == nil || got.Identity != want {
			t.Errorf("the identity %s has the rights %+v", l.Identity, got)
		}
	}
	for _, k := range []struct {
		login          rights.Login
		id             string
		use            bool
		publish, read  string
		mayPub, maySub bool
	}{
		{broadcast, "broadcast-1", true, "hello_world/broadcast/broadcast-1", "hellox/command/broadcast-1", true, true},
		{broadcast, "broadcast-1-7", true, "hello_world/broadcast/broadcast-1-7", "hellox/command/broadcast-1-7", true, true},
		{broadcast, "broadcast-2", false, "hello_world/broadcast/broadcast-2", "hellox/command/broadcast-2", false, false},
		{broadcast, "hellox-receive", false, "hellox/presence/broadcast-2", "hello_world/#", false, false},
		{broadcast, "broadcast-1", true, "hellox/presence/broadcast-1", "hellox/command/+", true, false},
		{broadcast, "broadcast-1", true, "hellox/answer/broadcast-1", "#", true, false},
		{receive, "hellox-receive", true, "hello_world/publish", "hello_world/#", true, true},
		{receive, "broadcast-1", false, "hellox/command/broadcast-1", "hellox/presence/+", true, true},
		{receive, "other", true, "hellox/presence/broadcast-1", "$SYS/#", false, false},
		{press, "press", true, "hello_world/press/1", "hello_world/#", true, false},
		{press, "hellox-receive", false, "hello_world/other", "hellox/broker", false, true},
		{client, "any", true, "hello_world/client/x", "hello_world/#", true, true},
		{client, "broadcast-1", false, "hello_world/broadcast/broadcast-1", "hellox/command/+", false, false},
	} {
		if err := p.MayUse(k.login, k.id); (err == nil) != k.use {
			t.Errorf("%s with the client ID %s: %v", k.login.Identity, k.id, err)
		}
		r := p.Rights(k.login, k.id)
		if r.MayPublish(k.publish) != k.mayPub || r.MaySubscribe(k.read) != k.maySub {
			t.Errorf("%s as %s: publish %s %v, read %s %v", k.login.Identity, k.id, k.publish, !k.mayPub, k.read, !k.maySub)
		}
	}
}

func TestPodsRefused(t *testing.T) {
	c, p := pods(t, "")
	for _, k := range []struct{ user, token, want string }{
		{"broadcast-2", c.Token("ec", "broadcast", "broadcast-1", now), "that of another pod"},
		{"", c.Token("ec", "broadcast", "broadcast-1", now), "that of another pod"},
		{"x", c.Token("ec", "default", "x", now), "the ServiceAccount default has no rights here; the one of the component client is client"},
		{"x", "", "not a token"},
	} {
		if l, err := p.Login(t.Context(), rights.Credentials{User: k.user, Password: []byte(k.token)}); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%s: %+v, %v, want %s", k.user, l, err, k.want)
		}
	}
	for _, identity := range []string{"", "broadcast", "pod:", "pod:hellox", "pod:hellox/", "pod:hellox/broadcast", "pod:other/receive", "pod:hellox/receive/x", "pod:hellox/default"} {
		if r := p.Rights(rights.Login{Identity: identity}, "x"); r != nil {
			t.Errorf("%q has the rights %+v", identity, r)
		}
	}
}

// TestPodsReplaced has a broadcaster's pod be followed by another of its name: a token of the
// one before is refused from then on, and those of the one that has the name are not.
func TestPodsReplaced(t *testing.T) {
	c, p := pods(t, "")
	token := func(account, uid string, at time.Time) string {
		claims := tokentest.Claims(account, "broadcast-1", at)
		return c.Sign("ec", kubernetes(t, claims, "pod", map[string]any{"name": "broadcast-1", "uid": uid}))
	}
	old, renewed := token("broadcast", "old", now.Add(-2*time.Minute)), token("broadcast", "old", now.Add(-time.Minute))
	login(t, p, "broadcast-1", renewed)
	login(t, p, "broadcast-1", old) // of the same pod
	login(t, p, "broadcast-1", token("broadcast", "new", now.Add(-30*time.Second)))
	for range 2 {
		for _, gone := range []string{old, renewed} {
			if _, err := p.Login(t.Context(), rights.Credentials{User: "broadcast-1", Password: []byte(gone)}); err == nil || !strings.Contains(err.Error(), "that of a pod that is gone") {
				t.Errorf("a pod that is gone: %v", err)
			}
		}
		login(t, p, "broadcast-1", token("broadcast", "new", now.Add(-30*time.Second)))
	}
	// The pods of other ServiceAccounts are one identity.
	login(t, p, "broadcast-1", token("receive", "new", now))
	login(t, p, "broadcast-1", token("receive", "old", now.Add(-time.Minute)))
}

// TestLatestForgets has it know no more names than there are, in the long run.
func TestLatestForgets(t *testing.T) {
	var l latest
	for i := range 3 * manyPods {
		l.is(Claims{Pod: fmt.Sprint(i), PodUID: "1", Issued: now.Add(time.Duration(i) * time.Minute)})
	}
	if len(l.pods) > manyPods {
		t.Errorf("it knows %d names", len(l.pods))
	}
}

// TestPodsReload has the file come, change to a new key beside the old, and to the
// new one alone.
func TestPodsReload(t *testing.T) {
	c := tokentest.New(t)
	c.AddEC("next")
	path := filepath.Join(t.TempDir(), "jwks")
	p, err := Open(path, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.now = func() time.Time { return now }
	token := c.Token("ec", "receive", "receive-0", now)
	if err := p.Ready(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("without keys: %v", err)
	}
	if _, err := p.Login(t.Context(), rights.Credentials{User: "receive-0", Password: []byte(token)}); err == nil {
		t.Error("a pod is let in without keys")
	}
	changed := make(chan struct{}, 10)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Watch(ctx, nil, func() { changed <- struct{}{} })
	}()
	defer func() { cancel(); <-done }()
	write(t, path, string(c.File("ec")))
	select {
	case <-changed:
	case <-time.After(time.Minute):
		t.Fatal("the file is not seen")
	}
	if err := p.Ready(); err != nil {
		t.Error(err)
	}
	old := login(t, p, "receive-0", token)
	for _, wrong := range []string{"", "{", string(c.File())} {
		write(t, path, wrong)
		if p.Reload() == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	os.Remove(path)
	if p.Reload() == nil || p.Ready() != nil || p.Rights(old, "x") == nil {
		t.Error("what was good before is gone")
	}
	write(t, path, string(c.File("ec", "next")))
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	fresh := login(t, p, "receive-0", c.Token("next", "receive", "receive-0", now))
	if p.Rights(old, "x") == nil || p.Rights(fresh, "x") == nil {
		t.Error("with both keys one is refused")
	}
	write(t, path, string(c.File("next")))
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	if p.Rights(old, "x") != nil || p.Rights(fresh, "x") == nil || p.Rights(rights.Login{Identity: old.Identity}, "x") == nil {
		t.Error("with the new key alone the old one's login is valid, or the new one's or the identity is not")
	}
}

// TestPodsGone changes what the broker knows, one thing at a time: logins by what was
// before are not valid any more, each for its own reason.
func TestPodsGone(t *testing.T) {
	for name, k := range map[string]struct {
		change func(file map[string]any, c *tokentest.Cluster)
		acl    string
		want   string
	}{
		"nothing":   {func(map[string]any, *tokentest.Cluster) {}, "read press a\n", ""},
		"key":       {func(f map[string]any, c *tokentest.Cluster) { f["keys"] = []any{c.JWK("next")} }, "read press a\n", "does not have the key any more"},
		"issuer":    {func(f map[string]any, _ *tokentest.Cluster) { f["issuer"] = "https://other" }, "read press a\n", "another issuer or audience"},
		"audience":  {func(f map[string]any, _ *tokentest.Cluster) { f["audience"] = "other" }, "read press a\n", "another issuer or audience"},
		"namespace": {func(f map[string]any, _ *tokentest.Cluster) { f["namespace"] = "other" }, "read press a\n", "another namespace"},
		"ACL":       {func(map[string]any, *tokentest.Cluster) {}, "read other a\n", "the ServiceAccount press has no rights here any more"},
	} {
		t.Run(name, func(t *testing.T) {
			c, p := pods(t, "read press a\n")
			c.AddEC("next")
			l := login(t, p, "press-0", c.Token("ec", "press", "press-0", now))
			var file map[string]any
			if err := json.Unmarshal(c.File("ec"), &file); err != nil {
				t.Fatal(err)
			}
			k.change(file, c)
			text, err := json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, p.keys, string(text))
			write(t, p.acl, k.acl)
			if err := p.Reload(); err != nil {
				t.Fatal(err)
			}
			if valid := p.Rights(l, "x") != nil; valid != (k.want == "") {
				t.Errorf("the login is valid: %v", valid)
			}
			if gone := p.Gone(l); !strings.Contains(gone, k.want) || (gone == "") != (k.want == "") {
				t.Errorf("it is gone: %q, want %q", gone, k.want)
			}
		})
	}
}

// TestPodsWrongFileHoldsNothingBack has one file wrong while the other takes away: that is
// in force at once, and the wrong one is named.
func TestPodsWrongFileHoldsNothingBack(t *testing.T) {
	c, p := pods(t, "read press a\n")
	c.AddEC("next")
	old := login(t, p, "press-0", c.Token("ec", "press", "press-0", now))
	write(t, p.keys, string(c.File("next")))
	write(t, p.acl, "read press a\nraed press b\n")
	if err := p.Reload(); err == nil || !strings.Contains(p.Gone(old), "does not have the key any more") {
		t.Errorf("with a wrong ACL: %v, %q", err, p.Gone(old))
	}
	if s := p.Stale(); len(s) != 1 || s[0].Flag != "acl" || s[0].Path != p.acl {
		t.Errorf("not in force: %+v", s)
	}
	fresh := login(t, p, "press-0", c.Token("next", "press", "press-0", now))
	write(t, p.keys, "{")
	write(t, p.acl, "deny press a\nread * b\n")
	if err := p.Reload(); err == nil || !strings.Contains(p.Gone(fresh), "press has no rights here any more") {
		t.Errorf("with wrong keys: %v, %q", err, p.Gone(fresh))
	}
	if s := p.Stale(); len(s) != 1 || s[0].Flag != "pods" || s[0].Path != p.keys {
		t.Errorf("not in force: %+v", s)
	}
	write(t, p.keys, string(c.File("next")))
	if err := p.Reload(); err != nil || len(p.Stale()) != 0 {
		t.Errorf("%v, %+v", err, p.Stale())
	}
}

// TestPodsKeysHash has the keys' file change: the hash is that of what is in force, which the
// file is only once it was read, and right.
func TestPodsKeysHash(t *testing.T) {
	c, p := pods(t, "")
	hash := func(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }
	before := hash(c.File("ec"))
	c.AddEC("next")
	for _, step := range []struct {
		text []byte
		want string
	}{{c.File("next"), hash(c.File("next"))}, {[]byte("{"), hash(c.File("next"))}} {
		write(t, p.keys, string(step.text))
		if got := p.KeysHash(); got != before {
			t.Errorf("before it is read: %s, want %s", got, before)
		}
		_ = p.Reload()
		if got := p.KeysHash(); got != step.want {
			t.Errorf("once it is read: %s, want %s", got, step.want)
		}
		before = step.want
	}
	if none, err := Open(filepath.Join(t.TempDir(), "none"), "", slog.New(slog.DiscardHandler)); err != nil || none.KeysHash() != "" {
		t.Errorf("without keys: %q, %v", none.KeysHash(), err)
	}
}

// TestPodsDenied has a ServiceAccount that a rule denies something, and no rule allows
// anything by name: it is not let in by what is allowed to all.
func TestPodsDenied(t *testing.T) {
	c, p := pods(t, "deny press a\nread * b\n")
	if l, err := p.Login(t.Context(), rights.Credentials{User: "press-0", Password: []byte(c.Token("ec", "press", "press-0", now))}); err == nil {
		t.Errorf("it is let in: %+v", l)
	}
	login(t, p, "mine-0", c.Token("ec", "client", "mine-0", now))
}

// TestPodsMisspelt has rules that deny to names: the log warns of the one that no other
// rule names and that is none of the roles', at the start and when they are read anew.
func TestPodsMisspelt(t *testing.T) {
	c := tokentest.New(t)
	dir := t.TempDir()
	keys, acl := filepath.Join(dir, "jwks"), filepath.Join(dir, "acl")
	write(t, keys, string(c.File("ec")))
	write(t, acl, "deny cleint #\ndeny client a\ndeny * b\ndeny press c\nread press d\n")
	var said strings.Builder
	p, err := Open(keys, acl, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if log := said.String(); strings.Count(log, "misspelt") != 1 || !strings.Contains(log, "service_account=cleint") {
		t.Errorf("the log says %s", log)
	}
	if err := p.Reload(); err != nil || strings.Count(said.String(), "misspelt") != 2 {
		t.Errorf("%v; the log says %s", err, said.String())
	}
}

func TestOpenWrong(t *testing.T) {
	c := tokentest.New(t)
	dir := t.TempDir()
	keys, acl := filepath.Join(dir, "jwks"), filepath.Join(dir, "acl")
	write(t, keys, "{")
	if _, err := Open(keys, "", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "read the cluster's keys of "+keys) {
		t.Error(err)
	}
	write(t, keys, string(c.File("ec")))
	if _, err := Open(keys, acl, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "read the ACL") {
		t.Error(err)
	}
	write(t, acl, "")
	if _, err := Open(keys, acl, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "it is empty") {
		t.Error(err)
	}
}
