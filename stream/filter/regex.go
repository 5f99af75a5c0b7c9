package filter

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// The bounds of the regular expressions of one expression together. The time
// to compile one rises with its length, up to 20 µs a byte of classes such as
// \pL; that to match it with the length of the text times the cost.
const (
	maxRegex     = 512 // bytes
	maxRegexCost = 256 // instructions of their programs, about
)

func (p *parser) regexOperand(t *Term) (Expr, error) {
	start := p.at
	source, err := p.regexText()
	if err != nil {
		return nil, err
	}
	if p.regex += len(source); p.regex > maxRegex {
		return nil, p.fail(start, fmt.Sprintf("regular expressions of at most %d bytes in all", maxRegex))
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, p.fail(start, "a valid regular expression"+regexFault(err))
	}
	if p.cost += regexCost(parsed); p.cost > maxRegexCost {
		return nil, p.fail(start, "regular expressions with fewer repetitions")
	}
	if t.regex, err = regexp.Compile(source); err != nil {
		return nil, p.fail(start, "a valid regular expression"+regexFault(err))
	}
	t.Text = source
	return t, nil
}

// regexFault says what is wrong with a regular expression, safe to print.
func regexFault(err error) string {
	var fault *syntax.Error
	if !errors.As(err, &fault) {
		return ""
	}
	return fmt.Sprintf(" (%s: %q)", fault.Code, shorten(fault.Expr))
}

// regexCost is about the number of instructions of re's program, found without
// compiling it. It does not overflow: syntax.Parse refuses more than 1,000
// repetitions, also of repetitions.
func regexCost(re *syntax.Regexp) int {
	cost := 1
	switch re.Op {
	case syntax.OpConcat, syntax.OpRepeat:
		cost = 0
	case syntax.OpLiteral:
		cost = len(re.Rune)
	case syntax.OpCharClass:
		cost += len(re.Rune) / 16 // one instruction, but costly to make and to ask
	}
	for _, sub := range re.Sub {
		cost += regexCost(sub)
	}
	if re.Op == syntax.OpRepeat {
		cost *= max(re.Min, re.Max, 1)
	}
	return cost
}

// regexText reads a regular expression, in quotes or up to white space or a
// bracket that it did not open.
func (p *parser) regexText() (string, error) {
	if !p.end() && p.s[p.at] == '"' {
		return p.quoted(true)
	}
	start, open, class := p.at, 0, false
	for ; !p.end() && !p.spaceHere() && p.s[p.at] != '"'; p.at++ {
		switch c := p.s[p.at]; {
		case c == '\\':
			if p.at++; p.end() { // also after \Q, where Go takes it: in quotes it could not be written
				return "", p.fail(p.at, `a character after the \`)
			}
		case class:
			class = c != ']'
		case c == '[':
			class = true
			// A ] that comes first, also after ^, stands for itself.
			if strings.HasPrefix(p.s[p.at+1:], "^") {
				p.at++
			}
			if strings.HasPrefix(p.s[p.at+1:], "]") {
				p.at++
			}
		case c == '(':
			open++
		case c == ')':
			if open--; open < 0 {
				return p.regexSlice(start)
			}
		}
	}
	return p.regexSlice(start)
}

func (p *parser) regexSlice(start int) (string, error) {
	if p.at == start {
		return "", p.fail(start, "a regular expression, right after the :~")
	}
	return p.s[start:p.at], nil
}
