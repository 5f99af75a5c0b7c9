package rights

import (
	"strings"
	"testing"
)

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
