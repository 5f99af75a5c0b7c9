package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of an expression, so that one from the network costs little to
// refuse and little to apply.
const (
	maxLength = 4 << 10 // bytes
	maxDepth  = 64      // of brackets and nots inside each other
)

// A parser reads an expression by recursive descent:
//
//	or    = and { "or" and }
//	and   = unary { [ "and" ] unary }
//	unary = ( "not" | "-" ) unary | "(" or ")" | term
//
// It is written by hand since what ends a term depends on its key (a bracket
// belongs to a regular expression and ends a word), which a generated lexer
// cannot know, and since it bounds the depth and names the column and what was
// expected there in the user's words.
type parser struct {
	s     string
	at    int // byte offset of what is read next
	depth int
	regex int // bytes of the regular expressions so far
	cost  int // and the size of their programs
}

// parse returns the tree, nil for an empty expression, or a *Error.
func parse(s string) (Expr, error) {
	p := &parser{s: s}
	if len(s) > maxLength {
		return nil, p.fail(maxLength, fmt.Sprintf("an expression of at most %d bytes", maxLength))
	}
	if i := invalidUTF8(s); i >= 0 {
		return nil, p.fail(i, "UTF-8")
	}
	if p.space(); p.end() {
		return nil, nil
	}
	e, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.end() { // only a bracket ends an or early
		return nil, p.fail(p.at, "a term or the end, since no bracket is open")
	}
	return e, nil
}

func (p *parser) or() (Expr, error) {
	var some Or
	for {
		x, err := p.and()
		if err != nil {
			return nil, err
		}
		if inner, ok := x.(Or); ok { // it stood in brackets that change nothing
			some = append(some, inner...)
		} else {
			some = append(some, x)
		}
		if !p.keyword("or") {
			break
		}
	}
	if len(some) == 1 {
		return some[0], nil
	}
	return some, nil
}

func (p *parser) and() (Expr, error) {
	var all And
	for {
		x, err := p.unary()
		if err != nil {
			return nil, err
		}
		if inner, ok := x.(And); ok {
			all = append(all, inner...)
		} else {
			all = append(all, x)
		}
		if p.keyword("and") {
			continue
		}
		if p.end() || p.s[p.at] == ')' || p.peek("or") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

func (p *parser) unary() (Expr, error) {
	switch {
	case p.end() || p.s[p.at] == ')' || p.peek("or") || p.peek("and"):
		return nil, p.fail(p.at, "a term, such as hello, sender:press-* or delta>10s")
	case p.peek("not"), p.s[p.at] == '-', p.s[p.at] == '(':
		return p.nested()
	}
	x, err := p.term()
	if err != nil {
		return nil, err
	}
	if !p.end() && !p.spaceHere() && p.s[p.at] != ')' {
		return nil, p.fail(p.at, "white space between two terms")
	}
	p.space()
	return x, nil
}

// nested reads a not, a - or an opening bracket and what belongs to it.
func (p *parser) nested() (Expr, error) {
	if p.depth == maxDepth {
		return nil, p.fail(p.at, fmt.Sprintf("at most %d brackets and nots inside each other", maxDepth))
	}
	p.depth++
	defer func() { p.depth-- }()
	begin := p.at
	switch {
	case p.keyword("not"):
		return p.not()
	case p.s[p.at] == '-':
		if p.at++; !p.end() && p.spaceHere() {
			return nil, p.fail(p.at, "a term right after the -, or quotes around it")
		}
		return p.not()
	}
	p.at++
	p.space()
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.end() { // else it is the closing bracket: nothing else ends an or
		return nil, p.fail(p.at, fmt.Sprintf("a ) for the ( in column %d", p.column(begin)))
	}
	p.at++
	p.space()
	return x, nil
}

func (p *parser) not() (Expr, error) {
	x, err := p.unary()
	if err != nil {
		return nil, err
	}
	return Not{x}, nil
}

// keyword reads word, in any case, and the space after it.
func (p *parser) keyword(word string) bool {
	if !p.peek(word) {
		return false
	}
	p.at += len(word)
	p.space()
	return true
}

// peek reports whether word comes next, in any case and as a whole: a bracket,
// a quote, white space or the end follows it.
func (p *parser) peek(word string) bool {
	rest := p.s[p.at:]
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return false
	}
	rest = rest[len(word):]
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || r == '(' || r == ')' || r == '"' || unicode.IsSpace(r)
}

func (p *parser) end() bool { return p.at == len(p.s) }

func (p *parser) spaceHere() bool {
	r, _ := utf8.DecodeRuneInString(p.s[p.at:])
	return unicode.IsSpace(r)
}

func (p *parser) space() {
	for !p.end() && p.spaceHere() {
		_, n := utf8.DecodeRuneInString(p.s[p.at:])
		p.at += n
	}
}

// column is the 1-based column, in characters, of the byte offset at.
func (p *parser) column(at int) int { return utf8.RuneCountInString(p.s[:at]) + 1 }

// fail is the error that expected was expected at the byte offset at.
func (p *parser) fail(at int, expected string) error {
	found := p.s[at:]
	if i := strings.IndexFunc(found, unicode.IsSpace); i > 0 {
		found = found[:i]
	}
	return &Error{Column: p.column(at), Expected: expected, Found: shorten(found)}
}

// shorten returns the beginning of s, enough to find the place again.
func shorten(s string) string {
	const shown = 20 // characters
	n := 0
	for i := range s {
		if n++; n > shown {
			return s[:i] + "…"
		}
	}
	return s
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}
