package web

import (
	"fmt"
	"testing"
	"unicode"

	"hellox/stream/safetext"
)

func TestVisibleRanges(t *testing.T) {
	visible := map[rune]bool{}
	for _, r := range visibleRanges() {
		for c := r[0]; c <= r[1]; c++ {
			visible[c] = true
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if want := safetext.Visible(r); visible[r] != want {
			t.Fatalf("%U is in the ranges: %t, want %t", r, visible[r], want)
		}
	}
}

// Seven letters and marks have the property Default_Ignorable_Code_Point: they
// are graphic by their category and are shown as nothing.
func TestAnswersEscapeInvisibleLetters(t *testing.T) {
	for _, r := range "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" {
		body, err := encode("a" + string(r) + "b")
		if want := fmt.Sprintf(`"a\u%04xb"`, r); err != nil || string(body) != want {
			t.Errorf("%U is written as %s, %v; want %s", r, body, err, want)
		}
	}
}

// Whatever is escaped in a message is escaped in every other answer.
func TestAnswersEscapeWhatIsInvisible(t *testing.T) {
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 || r == unicode.ReplacementChar {
			continue
		}
		body, err := encode(string(r))
		if raw := string(body) == `"`+string(r)+`"`; err != nil || raw != safetext.Visible(r) {
			t.Fatalf("%U is written as %s, %v", r, body, err)
		}
	}
}
