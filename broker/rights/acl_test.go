package rights

import (
	"testing"
)

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
		"role a boss\n":                    `line 1: "boss" is no role: receive, broadcast, broadcasters or client`,
		"role a receive\nrole a receive\n": "line 2: a has a role already",
		"read local a\n":                   `line 1: the name "local" is taken by clients without a user`,
		"read * \xff\n":                    "it is not text in UTF-8",
	} {
		if _, err := ParseACL(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
