package filter

import (
	"strings"
	"testing"
)

func TestJoin(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""}, {"x", "", "x"}, {"", "x", "x"}, {"x y", "z", "x y z"}, {"x or y", "z or -w", "(x or y) (z or -w)"}, {"not (x or y)", "z", "not (x or y) z"},
	} {
		a, _ := Parse(c.a)
		b, _ := Parse(c.b)
		if got := Join(a, b); got != c.want {
			t.Errorf("%q and %q are %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestParts(t *testing.T) {
	for expression, want := range map[string]string{
		"": "", "x": "x", "x or y": "x or y", `x (y or z) not sender="a b"`: `x|(y or z)|not sender="a b"`,
	} {
		f, _ := Parse(expression)
		parts := Parts(f)
		if got := strings.Join(parts, "|"); got != want {
			t.Errorf("the parts of %q are %q, want %q", expression, got, want)
		}
		again, err := Parse(strings.Join(parts, " "))
		if err != nil || f != nil && again.Expr().String() != f.Expr().String() {
			t.Errorf("the parts of %q make %v: %v", expression, again, err)
		}
	}
}

func TestTermsOfNames(t *testing.T) {
	for _, name := range []string{"a", "a/b", `a "b" \c`, "not", "-x", "or (", "日本 x", "a*b?"} {
		for _, term := range []string{Exactly("sender", name), Exactly("topic", name), Below(strings.Map(func(r rune) rune {
			if r == '*' || r == '?' {
				return -1
			}
			return r
		}, name)), "not " + Exactly("sender", name)} {
			if _, err := Parse(term); err != nil {
				t.Errorf("%s: %v", term, err)
			}
		}
	}
}
