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
	Index int  // from 0; unnamed: it is a member whose name is empty, which no term can ask for
	Any   bool // each place in the array, instead of Index
}

const unnamed = -1

// Member returns the step to the member with that name.
func Member(name string) Step {
	if name == "" {
		return Step{Index: unnamed}
	}
	return Step{Name: name}
}

// String returns p as it follows "payload": .items[0].id
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		if s.Any {
			b.WriteString("[]")
			continue
		}
		if s == Member("") {
			b.WriteString(`.""`)
			continue
		}
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

// literal is what a comparison with a payload or a value in it compares with
// beside Text.
type literal struct {
	quoted bool // a text even where it looks like a number
	isNum  bool // num is set
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
		return p.pathPattern(t, opAt)
	}
	return p.valueOperand(t)
}

// pathPattern reads the pattern after payload.PATH: where an unquoted one that
// looks like a comparison is most likely the rest of a name, such as switch:0.
func (p *parser) pathPattern(t *Term, opAt int) (Expr, error) {
	start := p.at
	quoted := !p.end() && p.s[start] == '"'
	text, err := p.text("what to look for, right after the :")
	if err != nil {
		return nil, err
	}
	if !quoted {
		comparison := strings.IndexAny(text, "<>=")
		if comparison < 0 && p.comparisonFollows() {
			comparison = len(text)
		}
		if comparison >= 0 {
			return nil, p.fail(opAt, quotedName(t.Path, strings.TrimSuffix(text[:comparison], "!")))
		}
	}
	t.Text, t.pattern = text, newOccurs(text)
	return t, nil
}

// comparisonFollows reports whether white space and a comparison come next.
func (p *parser) comparisonFollows() bool {
	rest := strings.TrimLeftFunc(p.s[p.at:], unicode.IsSpace)
	return rest != "" && strings.IndexByte("<>=", rest[0]) >= 0 || strings.HasPrefix(rest, "!=")
}

// quotedName says that a name needs quotes: the last one of path together with
// the colon and what follows it, up to a point or a bracket.
func quotedName(path Path, pattern string) string {
	last := path[len(path)-1]
	if last.Name == "" {
		return "quotes around what to look for"
	}
	rest := ""
	if i := strings.IndexAny(pattern, ".["); i >= 0 {
		pattern, rest = pattern[:i], pattern[i:]
	}
	path = append(path[:len(path)-1:len(path)-1], Step{Name: last.Name + ":" + pattern})
	return fmt.Sprintf("quotes around a name with signs of the language, as in payload%s%s, or around what to look for", path, rest)
}

// valueOperand reads what a payload or a value in it is compared with.
func (p *parser) valueOperand(t *Term) (Expr, error) {
	p.space()
	at := p.at
	t.literal.quoted = !p.end() && p.s[p.at] == '"'
	var err error
	if t.literal.quoted {
		t.Text, err = p.quotedOrEmpty()
	} else {
		t.Text, err = p.text("a number or a text")
	}
	if err != nil {
		return nil, err
	}
	num, ok := parseNumber(t.Text)
	switch t.Op {
	case Equal, NotEqual:
		ok = ok && !num.padded && !t.literal.quoted
	default:
		if !ok {
			return nil, p.fail(at, "a number")
		}
	}
	if ok {
		t.literal.num, t.literal.isNum = num, true
	}
	return t, nil
}

func (p *parser) path() (Path, error) {
	var path Path
	for !p.end() {
		var step Step
		var err error
		switch p.s[p.at] {
		case '.':
			step.Name, err = p.memberName()
		case '[':
			step, err = p.arrayStep()
		default:
			return path, nil
		}
		if err != nil {
			return nil, err
		}
		path = append(path, step)
	}
	return path, nil
}

// memberName reads a point and the name after it.
func (p *parser) memberName() (string, error) {
	p.at++
	start := p.at
	if !p.end() && p.s[p.at] == '"' {
		return p.quoted(false)
	}
	n := strings.IndexFunc(p.s[start:], notInName)
	if n < 0 {
		n = len(p.s) - start
	}
	if n == 0 {
		return "", p.fail(start, "a name in the JSON payload, such as payload.temp")
	}
	p.at += n
	return p.s[start:p.at], nil
}

// arrayStep reads a place in an array, or [] for each.
func (p *parser) arrayStep() (Step, error) {
	p.at++
	start := p.at
	if !p.end() && p.s[start] == ']' {
		p.at++
		return Step{Any: true}, nil
	}
	p.at += countDigits(p.s[start:])
	index, err := strconv.ParseUint(p.s[start:p.at], 10, 31)
	if err != nil {
		return Step{}, p.fail(start, `a place in a JSON array, from 0, such as payload.items[0], or [] for any; a name is written ."name"`)
	}
	if p.end() || p.s[p.at] != ']' {
		return Step{}, p.fail(p.at, "a ]")
	}
	p.at++
	return Step{Index: int(index)}, nil
}
