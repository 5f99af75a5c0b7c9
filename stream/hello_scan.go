package stream

import (
	"bytes"
	"strconv"
)

// scanHello reads a payload that is written exactly as AppendJSON writes it,
// without an escape in it; false for any other, which may still be a Hello. It is
// there because an append would otherwise spend a third of its time in
// encoding/json and not reach 100,000 messages a second; a fuzz target compares
// the two.
func scanHello(payload []byte) (f helloFields, ok bool) {
	s := helloScanner{rest: payload}
	s.key(`{"text":`)
	f.text = s.text()
	s.key(`,"sender":`)
	f.sender = s.text()
	s.key(`,"boot":`)
	f.boot = s.text()
	s.key(`,"seq":`)
	f.seq = s.number()
	s.key(`,"sent":`)
	f.sent = s.text()
	if s.has(`,"next_ms":`) {
		f.nextMS = float64(s.number())
	}
	if s.has(`,"color":`) {
		f.color = s.text()
	}
	return f, !s.failed && string(s.rest) == "}"
}

type helloScanner struct {
	rest   []byte
	failed bool
}

// has reads a key if it is what comes next.
func (s *helloScanner) has(key string) bool {
	rest, found := bytes.CutPrefix(s.rest, []byte(key))
	if found {
		s.rest = rest
	}
	return found
}

func (s *helloScanner) key(key string) { s.failed = !s.has(key) || s.failed }

// text reads a string in which every character stands for itself.
func (s *helloScanner) text() string {
	if len(s.rest) > 0 && s.rest[0] == '"' {
		for i, c := range s.rest[1:] {
			if c == '"' {
				t := string(s.rest[1 : 1+i])
				s.rest = s.rest[i+2:]
				return t
			}
			if c == '\\' || c < ' ' {
				break
			}
		}
	}
	s.failed = true
	return ""
}

// number reads a whole number that a float64 holds exactly.
func (s *helloScanner) number() uint64 {
	n := 0
	for n < len(s.rest) && n < 15 && '0' <= s.rest[n] && s.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(string(s.rest[:n]), 10, 64)
	if err != nil || s.rest[0] == '0' && n > 1 {
		s.failed = true
	}
	s.rest = s.rest[n:]
	return v
}
