package filter

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// A pattern matches a text without regard to case (Unicode simple folding, as
// strings.EqualFold does) and without allocating.
type pattern interface{ match(s string) bool }

// occurs is true of the texts in which it occurs. It finds itself by Knuth,
// Morris and Pratt's algorithm, so that no text, however repetitive, is read
// twice.
type occurs struct {
	runes []rune  // folded
	back  []int32 // back[i]: length of the longest border of runes[:i+1]
	first []byte  // bytes with which the first rune may begin, in any of its cases
}

func newOccurs(text string) *occurs {
	runes := foldRunes(text)
	back := make([]int32, len(runes))
	for i, k := 1, 0; i < len(runes); i++ {
		for k > 0 && runes[i] != runes[k] {
			k = int(back[k-1])
		}
		if runes[i] == runes[k] {
			k++
		}
		back[i] = int32(k)
	}
	o := &occurs{runes: runes, back: back}
	for r := runes[0]; ; {
		if b := string(r)[0]; bytes.IndexByte(o.first, b) < 0 {
			o.first = append(o.first, b)
		}
		if r = unicode.SimpleFold(r); r == runes[0] {
			return o
		}
	}
}

func (o *occurs) match(s string) bool {
	j := jump{s: s, first: o.first, next: [4]int{-1, -1, -1, -1}}
	k := 0
	for i := 0; i < len(s); {
		if k == 0 {
			if i = j.from(i); i == len(s) {
				return false
			}
		}
		r, n := decode(s[i:])
		r = fold(r)
		i += n
		for k > 0 && o.runes[k] != r {
			k = int(o.back[k-1])
		}
		if o.runes[k] == r {
			if k++; k == len(o.runes) {
				return true
			}
		}
	}
	return false
}

// A jump finds where in s one of a few bytes stands, ever further on. It looks
// at no byte of s twice for the same one of them.
type jump struct {
	s     string
	first []byte // no rune has more than four cases
	next  [4]int // where each of them stands next, if that is not behind us
}

// from returns the first place at i or behind it, or the end.
func (j *jump) from(i int) int {
	nearest := len(j.s)
	for k, b := range j.first {
		if j.next[k] < i {
			if n := strings.IndexByte(j.s[i:], b); n >= 0 {
				j.next[k] = i + n
			} else {
				j.next[k] = len(j.s)
			}
		}
		nearest = min(nearest, j.next[k])
	}
	return nearest
}

// newGlob returns a pattern of the texts that the glob matches from end to end:
// * stands for any characters, also none, and ? for one.
func newGlob(text string) pattern {
	if !strings.ContainsAny(text, "*?") {
		return same(text)
	}
	source := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text))
	return glob{regexp.MustCompile(`(?is)\A` + source + `\z`)}
}

type glob struct{ *regexp.Regexp }

func (g glob) match(s string) bool { return g.MatchString(s) }

// same is true of the texts that differ from it at most in case.
type same string

func (t same) match(s string) bool { return strings.EqualFold(s, string(t)) }

// decode returns the first rune of s and its width: -1 and 1 for a byte that is
// not UTF-8, which equals nothing.
func decode(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if n == 1 {
		r = -1
	}
	return r, n
}

// fold returns the smallest rune that differs from r only in case.
func fold(r rune) rune {
	if r < utf8.RuneSelf {
		if 'a' <= r && r <= 'z' {
			r -= 'a' - 'A' // the upper case is the smaller one
		}
		return r
	}
	for {
		next := unicode.SimpleFold(r)
		if next <= r {
			return next
		}
		r = next
	}
}

func foldRunes(s string) []rune {
	runes := []rune(s)
	for i, r := range runes {
		runes[i] = fold(r)
	}
	return runes
}

// topicFilter is an MQTT topic filter.
type topicFilter []string // its levels

func topicPattern(filter string) topicFilter { return strings.Split(filter, "/") }

// match is MatchTopic without regard to case.
func (f topicFilter) match(topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(f[0], "$") {
		return false
	}
	rest, more := topic, true
	for _, level := range f {
		if level == "#" {
			return true
		}
		if !more {
			return false
		}
		var t string
		t, rest, more = strings.Cut(rest, "/")
		if level != "+" && !strings.EqualFold(level, t) {
			return false
		}
	}
	return !more
}

// view lends b as a string for the time of a call, without copying.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
