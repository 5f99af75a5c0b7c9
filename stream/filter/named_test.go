package filter

import (
	"errors"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	named := []Named{{"failing", "is:missed or latency>1s"}, {"hot", "payload.temp>30"}}
	for expression, want := range map[string]string{
		"@hot": "payload.temp>30", " @failing ": "is:missed or latency>1s",
		"": "", "press-1 @hot": "press-1 @hot", `"@hot"`: `"@hot"`,
	} {
		if got, err := Expand(expression, named); got != want || err != nil {
			t.Errorf("%q: %q, %v", expression, got, err)
		}
	}
	for _, wrong := range []string{"@hot press-1", "@hot  or is:missed", "@x qos=1"} {
		_, err := Expand(wrong, named)
		if name, _, _ := strings.Cut(wrong, " "); err == nil || err.Error() != name+" stands alone: it cannot be combined with other terms" {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	for _, wrong := range []string{"@ho", "@", "@HOT"} {
		_, err := Expand(wrong, named)
		var missing *NameError
		if !errors.As(err, &missing) || !strings.HasSuffix(err.Error(), "there are @failing, @hot") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := Expand("@x", nil); err == nil || err.Error() != `there is no filter named "x", nor any other` {
		t.Error(err)
	}
}

// An error says in which named filter it is.
func TestParseNamed(t *testing.T) {
	named := []Named{{"bad", "delta>"}, {"hot", "payload.temp>30"}}
	if f, err := ParseNamed("@hot", named); err != nil || f.String() != "payload.temp>30" {
		t.Errorf("%v, %v", f, err)
	}
	_, plain := Parse("delta>")
	if _, err := ParseNamed(" @bad", named); err == nil || err.Error() != "@bad: "+plain.Error() {
		t.Error(err)
	}
	if _, err := ParseNamed("delta>", named); err == nil || err.Error() != plain.Error() {
		t.Error(err)
	}
}

func TestMatching(t *testing.T) {
	named := []Named{{"is-hot", "a"}, {"hot", "b"}, {"cold", "c"}}
	names := func(beginning string) (s string) {
		for _, n := range Matching(beginning, named) {
			s += n.Name + " "
		}
		return s
	}
	for beginning, want := range map[string]string{"@HO": "hot is-hot ", "@": "is-hot hot cold ", "@x": "", "ho": "", "": ""} {
		if got := names(beginning); got != want {
			t.Errorf("%q: %q, want %q", beginning, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"hot", "küche-2_x.y", "हिन्दी"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "two words", "a@b", "a\nb", "a\"", strings.Repeat("x", 61)} {
		if CheckName(name) == nil {
			t.Errorf("%q may be a name", name)
		}
	}
}
