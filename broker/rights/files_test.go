package rights

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// files writes a users file with a password for each name, the name backwards is
// none, and an ACL file, and opens them.
func files(t *testing.T, acl string, names ...string) (*Files, string, string) {
	t.Helper()
	dir := t.TempDir()
	u, a := filepath.Join(dir, "users"), filepath.Join(dir, "acl")
	writeFile(t, u, userLines(t, names...))
	writeFile(t, a, acl)
	f, err := OpenFiles(Paths{Users: u, ACL: a}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return f, u, a
}

func userLines(t *testing.T, names ...string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range names {
		h := hash{memory: 64, time: 1, threads: 1, salt: string(random(16))} // cheap
		h.key = string(h.of([]byte("secret of "+name), hashBytes))
		fmt.Fprintf(&b, "%s:%s\n", name, h)
	}
	return b.String()
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLogin(t *testing.T) {
	f, _, _ := files(t, "read * open/#\n", "alice", "bob")
	for _, k := range []struct {
		user, password string
		ok             bool
	}{
		{"alice", "secret of alice", true},
		{"alice", "secret of alice", true}, // again: it is remembered
		{"alice", "secret of bob", false},
		{"bob", "secret of alice", false},
		{"carol", "", false},
		{"alice", "", false},
		{"", "", false},
		{"alice", strings.Repeat("x", 5000), false},
	} {
		l, err := f.Login(t.Context(), Credentials{User: k.user, Password: []byte(k.password)})
		if (err == nil) != k.ok || k.ok && l.Identity != k.user {
			t.Errorf("%s with %.20q: %+v, %v", k.user, k.password, l, err)
		}
	}
}

// TestUnknownUser counts the work for a user that does not exist: a hash of the
// same cost.
func TestUnknownUser(t *testing.T) {
	f, _, _ := files(t, "read * open/#\n", "alice")
	c := f.now.Load()
	if a, d := c.users["alice"], c.dummy; d.memory != a.memory || d.time != a.time || d.threads != a.threads || len(d.key) != len(a.key) {
		t.Errorf("a user costs %+v, an unknown one %+v", a, d)
	}
	f.hasher.turns.free = 0
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	for _, user := range []string{"alice", "unknown"} {
		if _, err := f.Login(ctx, Credentials{User: user, Password: []byte("x")}); err != context.DeadlineExceeded { //nolint:errorlint // as it is
			t.Errorf("%s does not wait for its turn: %v", user, err)
		}
	}
}

// TestLoginFlood has more clients than may wait log in with wrong passwords: the
// hashes that are computed at once are bounded, the others are told that the broker
// is busy, and a client that was let in before is let in at once.
func TestLoginFlood(t *testing.T) {
	f, _, _ := files(t, "read * open/#\n", "alice")
	good := Credentials{User: "alice", Password: []byte("secret of alice")}
	if _, err := f.Login(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	f.hasher.turns.free = 0
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2*maxWaiting)
	for range 2 * maxWaiting {
		go func() {
			_, err := f.Login(ctx, Credentials{User: "alice", Password: []byte("guess")})
			results <- err
		}()
	}
	for range maxWaiting {
		if err := <-results; err != ErrBusy { //nolint:errorlint // as it is
			t.Fatalf("%v, want %v", err, ErrBusy)
		}
	}
	if _, err := f.Login(t.Context(), good); err != nil {
		t.Errorf("a client that was let in before: %v", err)
	}
	cancel()
	for range maxWaiting {
		if err := <-results; err != context.Canceled { //nolint:errorlint // as it is
			t.Fatal(err)
		}
	}
}

// TestReloadRemovedUser takes a user out of the users file whose rules stay in the ACL:
// its login ends, later changes of the files count, and a misspelt name is still an error.
func TestReloadRemovedUser(t *testing.T) {
	f, u, a := files(t, "deny alice secret/#\nread alice open/#\nread bob open/#\n", "alice", "bob")
	both, err := os.ReadFile(u)
	if err != nil {
		t.Fatal(err)
	}
	alice, err := f.Login(t.Context(), Credentials{User: "alice", Password: []byte("secret of alice")})
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(both), "\n")
	if !strings.HasPrefix(first, "alice:") {
		rest = first + "\n"
	}
	writeFile(t, u, rest)
	for n := range 2 {
		if err := f.Reload(); err != nil || f.Rights(alice, "x") != nil {
			t.Fatalf("reload %d: %v, and alice has the rights %+v", n+1, err, f.Rights(alice, "x"))
		}
		writeFile(t, a, "deny alice secret/#\nread bob other/#\n")
	}
	if !f.Rights(Login{Identity: "bob"}, "x").MayReceive("other/x") {
		t.Error("a later change of the ACL does not count")
	}
	writeFile(t, a, "deny alise secret/#\nread bob other/#\n")
	if err := f.Reload(); err == nil {
		t.Error("a misspelt name is taken")
	}
	writeFile(t, a, "deny alice secret/#\nread bob other/#\n")
	if _, err := OpenFiles(Paths{Users: u, ACL: a}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("at the start a name of no user is taken")
	}
}

func TestReload(t *testing.T) {
	f, u, a := files(t, "read * open/#\n", "alice", "bob")
	alice, err := f.Login(t.Context(), Credentials{User: "alice", Password: []byte("secret of alice")})
	if err != nil {
		t.Fatal(err)
	}
	usersBefore, _ := os.ReadFile(u)
	for _, wrong := range []struct{ path, text string }{
		{a, ""}, {a, "read * op"}, {a, "read carol open/#\n"}, {u, ""}, {u, "alice"}, {u, "alice:x\n"},
	} {
		writeFile(t, a, "read * open/#\n")
		writeFile(t, u, string(usersBefore))
		writeFile(t, wrong.path, wrong.text)
		if err := f.Reload(); err == nil {
			t.Errorf("%s with %q is taken", filepath.Base(wrong.path), wrong.text)
		}
		if !f.Rights(alice, "a").MayReceive("open/x") {
			t.Error("what was good before is gone")
		}
	}
	os.Remove(a)
	if err := f.Reload(); err == nil || f.Rights(alice, "a") == nil {
		t.Error("without the file what was good before is gone")
	}
	writeFile(t, a, "read bob open/#\n")
	writeFile(t, u, string(usersBefore))
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if f.Rights(alice, "a").MayReceive("open/x") {
		t.Error("alice has the rights of before")
	}
	writeFile(t, u, userLines(t, "alice", "bob")) // other salts
	if err := f.Reload(); err != nil {
		t.Fatal(err)
	}
	if f.Rights(alice, "a") != nil {
		t.Error("the login with the password of before is still valid")
	}
	if f.Rights(Login{Identity: "alice"}, "a") == nil {
		t.Error("the identity is gone")
	}
}

// TestWrongFileHoldsNothingBack has one file wrong while another takes rights away: that
// is in force at once, and the wrong file is named.
func TestWrongFileHoldsNothingBack(t *testing.T) {
	f, u, a := files(t, "read * open/#\n", "alice", "bob")
	both, err := os.ReadFile(u)
	if err != nil {
		t.Fatal(err)
	}
	alone := strings.Join(slices.DeleteFunc(slices.Collect(strings.Lines(string(both))), func(line string) bool { return strings.HasPrefix(line, "alice:") }), "")
	alice, err := f.Login(t.Context(), Credentials{User: "alice", Password: []byte("secret of alice")})
	if err != nil {
		t.Fatal(err)
	}
	stale := func(want ...string) {
		t.Helper()
		var flags []string
		for _, s := range f.Stale() {
			flags = append(flags, s.Flag)
			if s.Err == nil || s.Path == "" {
				t.Errorf("%+v", s)
			}
		}
		if !slices.Equal(flags, want) {
			t.Errorf("not in force: %q, want %q", flags, want)
		}
	}
	stale()
	writeFile(t, u, string(both)+"carol:x\n")
	writeFile(t, a, "read bob open/#\n")
	if err := f.Reload(); err == nil || f.Rights(alice, "a").MayReceive("open/x") || !f.Rights(Login{Identity: "bob"}, "b").MayReceive("open/x") {
		t.Errorf("with wrong users a right is not taken away: %v", err)
	}
	stale("users")
	writeFile(t, u, alone)
	writeFile(t, a, "raed bob open/#\n")
	if err := f.Reload(); err == nil || f.Rights(alice, "a") != nil || !f.Rights(Login{Identity: "bob"}, "b").MayReceive("open/x") {
		t.Errorf("with a wrong ACL a user is not removed: %v", err)
	}
	stale("acl")
	writeFile(t, u, "x\n")
	if err := f.Reload(); err == nil || f.Rights(alice, "a") != nil {
		t.Errorf("with both wrong alice is back: %v", err)
	}
	stale("users", "acl")
	writeFile(t, u, string(both))
	writeFile(t, a, "read * open/#\n")
	if err := f.Reload(); err != nil || !f.Rights(Login{Identity: "alice"}, "a").MayReceive("open/x") {
		t.Errorf("when both are good they are not in force: %v", err)
	}
	stale()
}

// TestWatchTellsOfWrongFiles has a wrong file beside one that takes a user away: what
// must be done when rights have changed is done.
func TestWatchTellsOfWrongFiles(t *testing.T) {
	f, u, a := files(t, "read * open/#\n", "alice", "bob")
	writeFile(t, a, "raed\n")
	writeFile(t, u, userLines(t, "bob"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reload, changed := make(chan os.Signal, 1), false
	reload <- os.Interrupt // any signal
	f.Watch(ctx, reload, func() { changed = true; cancel() })
	if !changed || f.Rights(Login{Identity: "alice"}, "a") != nil {
		t.Errorf("changed %v, and alice has %+v", changed, f.Rights(Login{Identity: "alice"}, "a"))
	}
}

// TestWatch changes the file as an editor does, and by a rename.
func TestWatch(t *testing.T) {
	f, _, a := files(t, "read * open/#\n", "alice")
	changed := make(chan struct{}, 10)
	reload := make(chan os.Signal, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Watch(ctx, reload, func() { changed <- struct{}{} })
	}()
	defer func() { cancel(); <-done }()
	may := func(topic string) bool { return f.Rights(Login{Identity: "alice"}, "a").MayReceive(topic) }
	await := func() {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(time.Minute):
			t.Fatal("the change is not seen")
		}
	}
	writeFile(t, a, "read * other/#\n")
	await()
	if may("open/x") || !may("other/x") {
		t.Error("the rights are those of before")
	}
	writeFile(t, a+".new", "read * third/#\n")
	if err := os.Rename(a+".new", a); err != nil {
		t.Fatal(err)
	}
	reload <- os.Interrupt // any signal
	await()
	if !may("third/x") {
		t.Error("the rights are those of before")
	}
}

// TestLogHasNoSecret reads what the files' messages say.
func TestLogHasNoSecret(t *testing.T) {
	var b strings.Builder
	dir := t.TempDir()
	u, a := filepath.Join(dir, "users"), filepath.Join(dir, "acl")
	writeFile(t, u, userLines(t, "alice"))
	writeFile(t, a, "read * open/#\n")
	f, err := OpenFiles(Paths{Users: u, ACL: a}, slog.New(slog.NewTextHandler(&b, nil)))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(u)
	writeFile(t, u, "alice:swordfish\n")
	if f.Reload() == nil {
		t.Fatal("it is taken")
	}
	io.WriteString(&b, "")
	if strings.Contains(b.String(), "swordfish") || strings.Contains(b.String(), strings.TrimSpace(string(text))) || !strings.Contains(b.String(), "stay in force") {
		t.Errorf("the log: %s", b.String())
	}
}
