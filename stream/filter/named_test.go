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
	for _, wrong := range []string{"@ho", "@hot press-1", "@", "@HOT"} {
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
