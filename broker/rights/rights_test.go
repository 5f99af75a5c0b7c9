package rights

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/broker/share"
	"hellox/stream"
)

// refMatch reports whether a topic filter matches a topic, by the words of MQTT
// 3.1.1, section 4.7, and by nothing of the package.
func refMatch(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && refMatch(filter[1:], topic[1:])
}

// refTopic is refMatch for whole texts: no wildcard matches a first level with $.
func refTopic(filter, topic []string) bool {
	if strings.HasPrefix(topic[0], "$") && (filter[0] == "+" || filter[0] == "#") {
		return false
	}
	return refMatch(filter, topic)
}

// refTopics returns topics that a rule matches, all of them, if it matches all that
// a topic filter does: z, a level of no rule, stands for + and # for none, one or
// two of them.
func refTopics(filter string) (topics [][]string) {
	plain := strings.ReplaceAll(filter, "+", "z")
	head, ok := strings.CutSuffix(plain, "#")
	if !ok {
		return [][]string{strings.Split(plain, "/")}
	}
	if up, ok := strings.CutSuffix(head, "/"); ok {
		topics = append(topics, strings.Split(up, "/"))
	}
	return append(topics, strings.Split(head+"z", "/"), strings.Split(head+"z/z", "/"))
}

func refCovers(rule []string, topics [][]string) bool {
	return !slices.ContainsFunc(topics, func(topic []string) bool { return !refTopic(rule, topic) })
}

var sampleLevels = []string{"a", "b", "", "+", "#", "$SYS"}

func randomFilter(r *rand.Rand) string {
	for {
		parts := make([]string, 1+r.IntN(4))
		for i := range parts {
			parts[i] = sampleLevels[r.IntN(len(sampleLevels))]
		}
		if f := strings.Join(parts, "/"); f != "" && stream.CheckTopicFilter(f) == nil {
			return f
		}
	}
}

func randomTopic(r *rand.Rand) string {
	names := []string{"a", "b", "", "z", "$SYS"}
	for {
		parts := make([]string, 1+r.IntN(4))
		for i := range parts {
			parts[i] = names[r.IntN(len(names))]
		}
		if topic := strings.Join(parts, "/"); topic != "" {
			return topic
		}
	}
}

// TestReference holds the rights against the reference above, on a million random
// triples of a rule, a topic filter and a topic.
func TestReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type sample struct {
		text   string
		levels []string
		topics [][]string // refTopics
	}
	filters, topics := make([]sample, 2000), make([]sample, 1000)
	for i := range filters {
		f := randomFilter(r)
		filters[i] = sample{f, strings.Split(f, "/"), refTopics(f)}
	}
	for i := range topics {
		topic := randomTopic(r)
		topics[i] = sample{text: topic, levels: strings.Split(topic, "/")}
	}
	covered, matched := 0, 0
	allow, all := make([]string, 1), []string{"#", "$SYS/#"}
	for range 1_000_000 {
		rule, filter, topic := &filters[r.IntN(len(filters))], &filters[r.IntN(len(filters))], &topics[r.IntN(len(topics))]
		allow[0] = rule.text
		may, deny := Rights{Subscribe: allow, Publish: allow}, Rights{Subscribe: all, Publish: all, Deny: allow}
		subset, matches := refCovers(rule.levels, filter.topics), refTopic(rule.levels, topic.levels)
		if may.MaySubscribe(filter.text) != subset {
			t.Fatalf("rule %q, topic filter %q: %v, want %v", rule.text, filter.text, !subset, subset)
		}
		if may.MayReceive(topic.text) != matches || may.MayPublish(topic.text) != matches {
			t.Fatalf("rule %q, topic %q: want %v", rule.text, topic.text, matches)
		}
		if subset && refTopic(filter.levels, topic.levels) && !matches {
			t.Fatalf("%q is granted under %q, and %q is not delivered", filter.text, rule.text, topic.text)
		}
		if deny.MaySubscribe(filter.text) && subset || matches && (deny.MayReceive(topic.text) || deny.MayPublish(topic.text)) {
			t.Fatalf("deny %q lets %q or %q through", rule.text, filter.text, topic.text)
		}
		if subset {
			covered++
		}
		if matches {
			matched++
		}
	}
	if covered < 10_000 || matched < 10_000 {
		t.Errorf("only %d subsets and %d matches among the triples", covered, matched)
	}
}

// FuzzCovers is TestReference on what the fuzzer finds.
func FuzzCovers(f *testing.F) {
	f.Add("a/+/#", "a/#", "a")
	f.Add("+/#", "#", "$SYS/x")
	f.Fuzz(func(t *testing.T, rule, filter, topic string) {
		levels := strings.Split(rule, "/")
		if stream.CheckTopicFilter(rule) != nil || stream.CheckTopicFilter(filter) != nil || stream.CheckTopic(topic) != nil ||
			slices.Contains(levels, "z") || strings.Count(rule, "/") > 15 {
			t.Skip()
		}
		may := Rights{Subscribe: []string{rule}, Publish: []string{rule}}
		if !share.Is(filter) && may.MaySubscribe(filter) != refCovers(levels, refTopics(filter)) {
			t.Errorf("rule %q, topic filter %q: want %v", rule, filter, !may.MaySubscribe(filter))
		}
		if matches := refTopic(levels, strings.Split(topic, "/")); may.MayReceive(topic) != matches {
			t.Errorf("rule %q, topic %q: want %v", rule, topic, matches)
		}
	})
}

func TestSharedFilter(t *testing.T) {
	may := Rights{Subscribe: []string{"open/#"}}
	for filter, want := range map[string]bool{
		"$share/g/open/x": true, "$share/g/open/#": true,
		"$share/g/#": false, "$share/g/secret": false, "$share/open/#": false, "$share/g/": false, "$share//open/x": false,
		"$share/g/$share/h/open/x": false, "$SHARE/g/open/x": false,
	} {
		if may.MaySubscribe(filter) != want {
			t.Errorf("%s: want %v", filter, want)
		}
	}
}

const sampleACL = `# who may what
deny  *      open/secret/#
deny  bob    open/b
role  recv   receive
role  b-0    broadcast
read  *      open/#
read  alice  private/%i/+
write alice  hello_world/%i/%c
write *      box/%c/in out
`

func TestACL(t *testing.T) {
	a, err := ParseACL(sampleACL)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		identity, client, topic string
		read, write             bool
	}{
		{"alice", "a1", "open/x", true, false},
		{"alice", "a1", "open/secret/x", false, false},
		{"alice", "a1", "open/secret", false, false},
		{"alice", "a1", "open/b", true, false},
		{"bob", "b1", "open/b", false, false},
		{"bob", "b1", "open/bb", true, false},
		{"alice", "a1", "private/alice/x", true, false},
		{"alice", "a1", "private/bob/x", false, false},
		{"bob", "b1", "private/bob/x", false, false},
		{"alice", "a1", "hello_world/alice/a1", false, true},
		{"alice", "a1", "hello_world/alice/a2", false, false},
		{"alice", "a1", "box/a1/in out", false, true},
		{"alice", "+", "box/+/in out", false, false},
		{"carol", "c", "elsewhere", false, false},
		{"carol", "c", "$SYS/broker/version", false, false},
		{"carol", "c", "hellox/broker", true, false},
		{"carol", "c", "hellox/refused/c", true, false},
		{"carol", "c", "hellox/refused/d", false, false},
		{"recv", "hellox-receive", "hello_world/x", true, true},
		{"recv", "hellox-receive", "hellox/command/b-0", true, true},
		{"recv", "hellox-receive", "hellox/presence/b-0", true, false},
		{"b-0", "b-0", "hello_world/broadcast/b-0", false, true},
		{"b-0", "b-0-3", "hello_world/broadcast/b-0-3", false, true},
		{"b-0", "b-0-3", "hello_world/broadcast/b-0", false, false},
		{"b-0", "b-1", "hello_world/broadcast/b-1", false, false},
		{"b-0", "b-0", "hellox/command/b-0", true, false},
		{"b-0", "b-0", "hellox/command/b-1", false, false},
		{"b-0", "b-0", "hellox/presence/b-0", true, true},
		{"b-0", "b-0", "hellox/presence/b-1", false, false},
		{"b-0", "b-0", "hellox/answer/b-0", false, true},
	} {
		r := a.Rights(k.identity, k.client)
		if r.MayReceive(k.topic) != k.read || r.MayPublish(k.topic) != k.write {
			t.Errorf("%s as %s on %s: read %v, write %v", k.identity, k.client, k.topic, r.MayReceive(k.topic), r.MayPublish(k.topic))
		}
	}
}

// TestCutShort cuts the ACL file off at each byte: what is left is refused, or
// allows less than the whole, never more.
func TestCutShort(t *testing.T) {
	whole, err := ParseACL(sampleACL)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	topics := []string{
		"open/x", "open/secret", "open/secret/x", "open/b", "private/alice/x", "private/bob/x", "hello_world/alice/alice",
		"hello_world/x", "hello_world/broadcast/b-0", "hellox/command/b-0", "hellox/presence/b-0", "box/bob/in out", "box", "x",
	}
	for n := range len(sampleACL) {
		part, err := ParseACL(sampleACL[:n])
		if err != nil {
			refused++
			continue
		}
		for _, identity := range []string{"alice", "bob", "recv", "b-0", "carol"} {
			full, rest := whole.Rights(identity, identity), part.Rights(identity, identity)
			for _, topic := range topics {
				if rest.MayReceive(topic) && !full.MayReceive(topic) || rest.MayPublish(topic) && !full.MayPublish(topic) {
					t.Fatalf("cut off after %d bytes it allows %s %s", n, identity, topic)
				}
			}
		}
	}
	if refused < len(sampleACL)*3/4 {
		t.Errorf("%d of %d are refused", refused, len(sampleACL))
	}
}

func TestWrongACL(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "it is empty",
		"# nothing\n\n":                    "it is empty",
		"read * a":                         "line 1: it does not end: the file is cut short",
		"read *\n":                         "line 1: a rule is: read, write or deny, an identity, a topic filter",
		"allow * a\n":                      `line 1: "allow" is none of read, write, deny, role`,
		"read * a/#/b\n":                   `line 1: topic filter "a/#/b": # stands alone in the last level`,
		"read * a/x%i\n":                   `line 1: topic filter "a/x%i": %i and %c are whole levels, and there is no other %`,
		"read * a/%u\n":                    `line 1: topic filter "a/%u": %i and %c are whole levels, and there is no other %`,
		"read a/b a\n":                     `line 1: the name "a/b" has one of / + # $ : % *`,
		"read * a\ndeny * b\n":             "line 2: deny stands before role, read and write: a file cut short must not allow more",
		"role * receive\n":                 "line 1: a role is that of one identity, not of *",
		"role a boss\n":                    `line 1: "boss" is no role: receive, broadcast or client`,
		"role a receive\nrole a receive\n": "line 2: a has a role already",
		"read local a\n":                   `line 1: the name "local" is taken by clients without a user`,
		"read * \xff\n":                    "it is not text in UTF-8",
	} {
		if _, err := ParseACL(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestReserved(t *testing.T) {
	for _, k := range []struct {
		role         Role
		identity, id string
		ok           bool
	}{
		{"", "alice", "alice-phone", true},
		{"", "alice", "hellox-receive", false},
		{"", "alice", "hellox-receive-retained", false},
		{"", "alice", "broadcast-0", false},
		{RoleBroadcast, "broadcast-0", "broadcast-0", true},
		{RoleBroadcast, "broadcast-0", "broadcast-0-12", true},
		{RoleBroadcast, "broadcast-0", "broadcast-0-x", false},
		{RoleBroadcast, "broadcast-0", "broadcast-01", false},
		{RoleBroadcast, "broadcast-0", "broadcast-1", false},
		{RoleBroadcast, "broadcast-0", "hellox-receive", false},
		{RoleReceive, "recv", "hellox-receive", true},
		{RoleReceive, "recv", "broadcast-0", false},
	} {
		if err := CheckReserved(k.role, k.identity, k.id); (err == nil) != k.ok {
			t.Errorf("%s %q with the client ID %q: %v", k.role, k.identity, k.id, err)
		}
	}
}

func TestCheckClientID(t *testing.T) {
	for id, ok := range map[string]bool{
		"": true, "a": true, "küche 1": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"a/b": false, "+": false, "#": false, "$SYS": false, "a\x00": false, "a\x01": false, "a\u202eb": false, "\xff": false,
	} {
		if err := CheckClientID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

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

func TestUserLine(t *testing.T) {
	line, err := UserLine("alice", []byte("swordfish"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := parseUsers("# users\n" + line + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if h := u["alice"]; h.memory != hashMemory || !h.verify([]byte("swordfish")) || h.verify([]byte("Swordfish")) {
		t.Errorf("%+v", h)
	}
	for _, name := range []string{"", "a b", "a:b", "*", "a/b", "local", "anyone", strings.Repeat("x", 65)} {
		if _, err := UserLine(name, []byte("x")); err == nil {
			t.Errorf("there is a line for %q", name)
		}
	}
	if _, err := UserLine("a", nil); err == nil {
		t.Error("there is a line without a password")
	}
}

func TestWrongUsers(t *testing.T) {
	good := strings.TrimSpace(userLines(t, "alice"))
	for text, want := range map[string]string{
		"":                        "it is empty",
		good:                      "cut short",
		good + "\n" + good + "\n": "twice",
		"alice\n":                 "NAME:HASH",
		"alice:swordfish\n":       "no hash of argon2id",
		good[:strings.LastIndex(good, "$")] + "$AAAA\n":      "cut short or too long",
		strings.Replace(good, "m=64", "m=9999999", 1) + "\n": "cost is above",
		strings.Replace(good, "m=64", "m=-64", 1) + "\n":     "cost is not",
		strings.Replace(good, "t=1", "t=0", 1) + "\n":        "cost is too low",
		strings.Replace(good, "$v=19$", "$v=16$", 1) + "\n":  "version",
	} {
		_, err := parseUsers(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), "swordfish") {
			t.Errorf("the error has the password: %v", err)
		}
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
		case <-time.After(30 * time.Second):
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
