package jsonview

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Check returns why payload is not JSON, or nil.
func Check(payload []byte) *Problem {
	s := scanner{src: string(payload)}
	if !utf8.Valid(payload) {
		at := firstInvalid(s.src)
		return s.problem(at, fmt.Sprintf("the byte %02x is not UTF-8", payload[at]))
	}
	for {
		t, problem := s.next()
		if problem != nil || t == end {
			return problem
		}
	}
}

// firstInvalid returns the index of the first byte in s that is not UTF-8.
func firstInvalid(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return i
		}
	}
	return len(s)
}

// almostNumber matches what is meant as a number.
var almostNumber = regexp.MustCompile(`^[+-]?([0-9]*[.,]?[0-9]+|[0-9]+[.,]|(?i:nan|inf|infinity))([eE][+-]?[0-9]*)?$`)

// LooksLikeJSON reports whether payload may be meant as JSON: it begins as an
// array, an object or a string does, or is almost a number.
func LooksLikeJSON(payload []byte) bool {
	const most = 100 // bytes of a number
	s := strings.TrimPrefix(string(payload[:min(len(payload), most+1)]), "\ufeff")
	s = strings.TrimLeft(s, " \t\r\n\x00")
	if s == "" {
		return false
	}
	if strings.IndexByte(`{["`, s[0]) >= 0 {
		return true
	}
	return len(payload) <= most && almostNumber.MatchString(strings.TrimRight(s, " \t\r\n\x00"))
}
