package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// A Path leads to a value inside of JSON, from the outside in.
type Path []Step

// A Step is a name in an object, or a place in an array if Name is "".
type Step struct {
	Name  string
	Index int // from 0
}

// String returns p as it follows "payload": .items[0].id
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		if s.Name == "" {
			fmt.Fprintf(&b, "[%d]", s.Index)
			continue
		}
		b.WriteByte('.')
		if strings.IndexFunc(s.Name, notInName) >= 0 {
			b.WriteString(quote(s.Name))
		} else {
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// notInName reports whether r ends a name in a path, unless it is quoted.
func notInName(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(`.[]()"=!<>:`, r)
}

// literal is what a comparison with a JSON value compares with beside Text.
type literal struct {
	quoted bool // a text even where it looks like a number
	isNum  bool
	num    number
}

// pathTerm reads the rest of a term that begins with payload: the path comes next.
func (p *parser) pathTerm() (Expr, error) {
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	after := p.at
	p.space()
	if !p.end() && p.s[p.at] == ':' {
		p.at = after
	}
	opAt := p.at
	t := &Term{Key: KeyPayload, Path: path, Op: p.operator()}
	switch t.Op {
	case "":
		return nil, p.fail(opAt, "one of = != < <= > >= : :~ after the path, or quotes around it")
	case MatchesRegex:
		return p.regexOperand(t)
	case Has:
		text, err := p.text("what to look for, right after the :")
		if err != nil {
			return nil, err
		}
		t.Text, t.pattern = text, newOccurs(text)
		return t, nil
	}
	p.space()
	at := p.at
	t.literal.quoted = !p.end() && p.s[p.at] == '"'
	if t.Text, err = p.text("a number or a text"); err != nil {
		return nil, err
	}
	if !t.literal.quoted {
		t.literal.num, t.literal.isNum = parseNumber(t.Text)
	}
	if !t.literal.isNum && !t.literal.quoted && t.Op != Equal && t.Op != NotEqual {
		return nil, p.fail(at, "a number, or a text in quotes")
	}
	return t, nil
}

func (p *parser) path() (Path, error) {
	var path Path
	for !p.end() {
		switch p.s[p.at] {
		case '.':
			p.at++
			start := p.at
			var name string
			if !p.end() && p.s[p.at] == '"' {
				var err error
				if name, err = p.quoted(false); err != nil {
					return nil, err
				}
			} else if n := strings.IndexFunc(p.s[p.at:], notInName); n >= 0 {
				name = p.s[p.at : p.at+n]
				p.at += n
			} else {
				name = p.s[p.at:]
				p.at = len(p.s)
			}
			if name == "" {
				return nil, p.fail(start, "a name in the JSON payload, such as payload.temp")
			}
			path = append(path, Step{Name: name})
		case '[':
			p.at++
			start := p.at
			for !p.end() && '0' <= p.s[p.at] && p.s[p.at] <= '9' {
				p.at++
			}
			index, err := strconv.ParseUint(p.s[start:p.at], 10, 31)
			if err != nil {
				return nil, p.fail(start, "a place in a JSON array, from 0, such as payload.items[0]")
			}
			if p.end() || p.s[p.at] != ']' {
				return nil, p.fail(p.at, "a ]")
			}
			p.at++
			path = append(path, Step{Index: int(index)})
		default:
			return path, nil
		}
	}
	return path, nil
}
