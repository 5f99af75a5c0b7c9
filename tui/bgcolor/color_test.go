package bgcolor

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, read string
		known      bool
		dark       bool
		typed      string
	}{
		{"nothing", "", false, false, ""},
		{"black, ST", "\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62c", true, true, ""},
		{"white, BEL", "\x1b]11;rgb:ffff/ffff/ffff\a\x1b[?1;2c", true, false, ""},
		{"two digits", "\x1b]11;rgb:fd/f6/e3\a", true, false, ""},
		{"one digit", "\x1b]11;rgb:1/1/2\a", true, true, ""},
		{"with alpha", "\x1b]11;rgba:ffff/ffff/ffff/8000\a", true, false, ""},
		{"no colour", "\x1b[?6c", false, false, ""},
		{"another form", "\x1b]11;#ffffff\a\x1b[?6c", false, false, ""},
		{"keys around", "a\x1b]11;rgb:0/0/0\ab\x1b[?6cc", true, true, "abc"},
		{"cut off", "x\x1b]11;rgb:00", false, false, "x\x1b]11;rgb:00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := parse([]byte(test.read))
			if got.Known != test.known || got.Dark != test.dark || string(got.Typed) != test.typed {
				t.Errorf("%+v, typed %q", got, got.Typed)
			}
		})
	}
}

// TestLateAnswer reads the same input in pieces of each length: the answer is
// dropped and nothing else is.
func TestLateAnswer(t *testing.T) {
	for input, want := range map[string]string{
		"ab\x1b]11;rgb:ffff/ffff/ffff\x1b\\cd": "abcd",
		"\x1b]11;rgb:ffff/ffff/ffff\acd":       "cd",
		"\x1b]11;rgb:ffff/ffff/ffff\a":         "",
		"a\x1b[Ab\x1b":                         "a\x1b[Ab\x1b",
	} {
		for size := 1; size <= len(input); size++ {
			if got := filtered(input, size); got != want {
				t.Errorf("in pieces of %d: %q of %q, want %q", size, got, input, want)
			}
		}
	}
}

// TestAnswerWithoutEnd holds that an answer that never ends does not take the
// keys for ever.
func TestAnswerWithoutEnd(t *testing.T) {
	got := filtered("\x1b]11;"+strings.Repeat("x", 2*maxAnswer)+"keys", 8)
	if !strings.HasSuffix(got, "keys") {
		t.Errorf("%q remains", got)
	}
}

// filtered passes input through a filter in pieces of size bytes. Only the
// beginning of an answer comes in one piece.
func filtered(input string, size int) string {
	in, got := Input{}, ""
	for input != "" {
		n := min(size, len(input))
		if i := strings.Index(input, "\x1b]11;"); i >= 0 && n > i && n < i+5 {
			n = i + 5
		}
		piece := []byte(input[:n])
		got += string(piece[:in.filter(piece)])
		input = input[n:]
	}
	return got
}
