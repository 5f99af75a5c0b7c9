package jsonview

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep arrays and objects may be nested, as in encoding/json.
const maxDepth = 10_000

// A Problem is why a payload is not JSON.
type Problem struct {
	Line, Column int // from 1; the column counts characters
	Cause        string
}

func (p *Problem) String() string {
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Cause)
}

// want is what may come next.
type want byte

const (
	wantValue   want = iota // of the whole payload, of a name, or after a comma
	wantElement             // after [
	wantMember              // after {
	wantName                // after a comma in an object
	wantColon
	wantMore // after a value in an object or array
	wantEnd
)

// words are what each want accepts.
func (s *scanner) words() string {
	switch s.want {
	case wantElement:
		return "a value or ]"
	case wantMember:
		return "a name in double quotes or }"
	case wantName:
		return "a name in double quotes"
	case wantColon:
		return "a colon"
	case wantMore:
		return ", or " + string(closing(s.open[len(s.open)-1]))
	case wantEnd:
		return "the end"
	}
	return "a value"
}

// closing returns the bracket that closes open.
func closing(open byte) byte { return open + 2 } // in ASCII, of [ and of {

// A scanner reads the tokens of one JSON value.
type scanner struct {
	src   string
	at    int // in src, after the token
	start int // of the token
	comma int // where the last comma is
	want  want
	open  []byte // the brackets around at
}

// A token is what next returns: a bracket, a comma or a colon as itself.
type token byte

const (
	end    token = 0
	text   token = '"' // a string that is a value
	name   token = 'n' // a string that names a member
	scalar token = '0' // a number, true, false or null
)

// next reads a token, which is s.src[s.start:s.at].
func (s *scanner) next() (token, *Problem) {
	for s.at < len(s.src) && isSpace(s.src[s.at]) {
		s.at++
	}
	s.start = s.at
	if s.at == len(s.src) {
		if s.want == wantEnd {
			return end, nil
		}
		return end, s.problem(s.at, "unexpected end, expected "+s.words())
	}
	switch c := s.src[s.at]; s.want {
	case wantMember, wantName:
		switch {
		case c == '"':
			s.want = wantColon
			return name, s.str()
		case c == '}' && s.want == wantMember:
			return s.close(c)
		}
	case wantColon:
		if c == ':' {
			s.at++
			s.want = wantValue
			return ':', nil
		}
	case wantMore:
		switch c {
		case ',':
			s.comma = s.at
			s.at++
			s.want = wantValue
			if s.open[len(s.open)-1] == '{' {
				s.want = wantName
			}
			return ',', nil
		case closing(s.open[len(s.open)-1]):
			return s.close(c)
		}
	case wantValue, wantElement:
		return s.value(c)
	}
	return end, s.unexpected()
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// value reads the first token of a value, which begins with c.
func (s *scanner) value(c byte) (token, *Problem) {
	switch {
	case c == '{' || c == '[':
		if len(s.open) == maxDepth {
			return end, s.problem(s.at, fmt.Sprintf("nested deeper than %d levels", maxDepth))
		}
		s.open = append(s.open, c)
		s.at++
		s.want = wantMember
		if c == '[' {
			s.want = wantElement
		}
		return token(c), nil
	case c == ']' && s.want == wantElement:
		return s.close(c)
	case c == '"':
		s.valueDone()
		return text, s.str()
	case isWord(c):
		for s.at < len(s.src) && isWord(s.src[s.at]) {
			s.at++
		}
		s.valueDone()
		word := s.src[s.start:s.at]
		switch {
		case word == "true", word == "false", word == "null", isNumber(word):
			return scalar, nil
		case strings.IndexByte("+-.0123456789", word[0]) >= 0:
			return end, s.problem(s.start, shorten(word)+" is not a number in JSON")
		}
		return end, s.problem(s.start, shorten(word)+" is not a value in JSON")
	}
	return end, s.unexpected()
}

// valueDone sets what may follow a value.
func (s *scanner) valueDone() {
	s.want = wantEnd
	if len(s.open) > 0 {
		s.want = wantMore
	}
}

func (s *scanner) close(c byte) (token, *Problem) {
	s.at++
	s.open = s.open[:len(s.open)-1]
	s.valueDone()
	return token(c), nil
}

// isWord reports whether c is of a number, or of a word that may be meant as a value.
func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '+' || c == '-' || c == '.' || c == '_'
}

// isNumber reports whether word is a number of JSON.
func isNumber(word string) bool {
	digits := func() bool {
		n := 0
		for n < len(word) && word[n] >= '0' && word[n] <= '9' {
			n++
		}
		word = word[n:]
		return n > 0
	}
	word = strings.TrimPrefix(word, "-")
	if strings.HasPrefix(word, "0") {
		word = word[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(word, ".") {
		word = word[1:]
		if !digits() {
			return false
		}
	}
	if word != "" && word[0]|0x20 == 'e' {
		word = word[1:]
		if word != "" && (word[0] == '+' || word[0] == '-') {
			word = word[1:]
		}
		if !digits() {
			return false
		}
	}
	return word == ""
}

// str reads a string.
func (s *scanner) str() *Problem {
	for s.at++; s.at < len(s.src); s.at++ {
		switch c := s.src[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c < ' ':
			return s.problem(s.at, fmt.Sprintf("unexpected %s in a text, where it is written as an escape", character(rune(c))))
		case c == '\\':
			n := escapeLength(s.src[s.at:])
			if n == 0 {
				return s.problem(s.at, `a \ that begins no escape of JSON`)
			}
			s.at += n - 1
		}
	}
	return s.problem(s.at, "unexpected end in a text")
}

// escapeLength returns the length of the escape that s begins with, or 0.
func escapeLength(s string) int {
	if len(s) < 2 || s[0] != '\\' {
		return 0
	}
	if strings.IndexByte(`"\/bfnrt`, s[1]) >= 0 {
		return 2
	}
	if s[1] != 'u' || len(s) < 6 {
		return 0
	}
	for i := 2; i < 6; i++ {
		if !(s[i] >= '0' && s[i] <= '9' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f') {
			return 0
		}
	}
	return 6
}

// unexpected returns the problem that the token at s.start may not stand there.
func (s *scanner) unexpected() *Problem {
	r, _ := utf8.DecodeRuneInString(s.src[s.start:])
	if (r == ']' || r == '}') && (s.want == wantName || s.want == wantValue) && len(s.open) > 0 && closing(s.open[len(s.open)-1]) == byte(r) && s.afterComma() {
		return s.problem(s.comma, "a comma before "+string(r))
	}
	return s.problem(s.start, "unexpected "+character(r)+", expected "+s.words())
}

// afterComma reports whether only space stands between the last comma and s.start.
func (s *scanner) afterComma() bool {
	between := s.src[s.comma:s.start]
	return between != "" && between[0] == ',' && strings.Trim(between[1:], " \t\r\n") == ""
}

// character names r so that it can be seen.
func character(r rune) string {
	switch {
	case r > ' ' && r < 0x7f:
		return string(r)
	case r == 0:
		return "NUL (U+0000)"
	case r == '\n':
		return "line feed (U+000A)"
	case r == '\t':
		return "tab (U+0009)"
	case r == 0xfeff:
		return "byte order mark (U+FEFF)"
	}
	return fmt.Sprintf("U+%04X", r)
}

// shorten cuts a word, which is ASCII.
func shorten(word string) string {
	const most = 40
	if len(word) <= most {
		return word
	}
	return word[:most] + "…"
}

// problem returns the cause with the line and column of s.src[at].
func (s *scanner) problem(at int, cause string) *Problem {
	before := s.src[:at]
	line := strings.Count(before, "\n")
	return &Problem{Line: line + 1, Column: utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1, Cause: cause}
}
