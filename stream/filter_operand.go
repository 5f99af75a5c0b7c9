package stream

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
)

// term reads one term. What it expects after a key depends on the key.
func (p *filterParser) term() (Expr, error) {
	if p.s[p.at] == '"' {
		text, err := p.quoted(false)
		if err != nil {
			return nil, err
		}
		return &Term{Key: KeyAny, Op: Has, Text: text, pattern: newOccurs(text)}, nil
	}
	start := p.at
	name := p.name()
	if strings.EqualFold(name, "payload") && !p.end() && (p.s[p.at] == '.' || p.s[p.at] == '[') {
		return p.pathTerm(start)
	}
	key, known := keyOf(name)
	after := p.at
	if known {
		p.space() // delta > 10s is as good as delta>10s
		if !p.end() && p.s[p.at] == ':' {
			p.at = after
		}
	}
	op := p.operator()
	switch {
	case op == "" || name == "":
		p.at = start
		return p.word()
	case !known:
		return nil, p.fail(start, "a key ("+keyNames()+"), or quotes around what to look for")
	}
	return p.operand(key, op)
}

// name reads letters: what may be a key.
func (p *filterParser) name() string {
	start := p.at
	for !p.end() && isLetter(p.s[p.at]) {
		p.at++
	}
	return p.s[start:p.at]
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// operator reads an operator, or nothing.
func (p *filterParser) operator() Op {
	for _, op := range []Op{MatchesRegex, Has, NotEqual, LessEqual, GreaterEqual, Less, Greater, Equal} {
		if strings.HasPrefix(p.s[p.at:], string(op)) {
			p.at += len(op)
			return op
		}
	}
	return ""
}

func keyOf(name string) (Key, bool) {
	k := Key(strings.ToLower(name))
	switch k {
	case "from":
		return KeySender, true
	case KeySender, KeyTopic, KeyText, KeyPayload, KeyDelta, KeyLatency, KeySize, KeyAge, KeySeq, KeyQoS, KeyIs:
		return k, true
	}
	return k, false
}

func keyNames() string {
	return "sender, topic, text, payload, delta, latency, size, age, seq, qos or is"
}

// word reads a bare word.
func (p *filterParser) word() (Expr, error) {
	start := p.at
	text := p.bare()
	if text == "" || strings.ContainsAny(text[:1], "<>=!:") {
		return nil, p.fail(start, "a term, or quotes around what to look for")
	}
	return &Term{Key: KeyAny, Op: Has, Text: text, pattern: newOccurs(text)}, nil
}

// operand reads what follows key and op.
func (p *filterParser) operand(key Key, op Op) (Expr, error) {
	t := &Term{Key: key, Op: op}
	opAt := p.at - len(op)
	switch key {
	case KeySender, KeyTopic, KeyText, KeyPayload:
		switch op {
		case MatchesRegex:
			return p.regexOperand(t)
		case Has, Equal, NotEqual:
			return p.textOperand(t)
		}
		return nil, p.fail(opAt, fmt.Sprintf("%s: (what to look for), %[1]s:~ (a regular expression), = or !=", key))
	case KeyIs:
		if op != Has {
			return nil, p.fail(opAt, "a colon, as in is:retained")
		}
		return p.isOperand(t)
	}
	if op == Has || op == MatchesRegex {
		return nil, p.fail(opAt, "one of = != < <= > >=")
	}
	return p.numberOperand(t)
}

// maxGlob bounds the time that a glob takes, which may rise with its length
// times that of the text. A name without * and ? may be longer.
const maxGlob = 256 // bytes

func (p *filterParser) textOperand(t *Term) (Expr, error) {
	if t.Op != Has {
		p.space()
	}
	start := p.at
	text, err := p.text("what to look for, right after the " + string(t.Op))
	if err != nil {
		return nil, err
	}
	t.Text = text
	if t.Op != Has {
		return t, nil
	}
	switch t.Key {
	case KeySender:
		if len(text) > maxGlob && strings.ContainsAny(text, "*?") {
			return nil, p.fail(start, fmt.Sprintf("a glob of at most %d bytes", maxGlob))
		}
		t.pattern = newGlob(text)
	case KeyTopic:
		if err := CheckTopicFilter(text); err != nil {
			return nil, p.fail(start, "an MQTT topic filter ("+reason(err)+")")
		}
		t.pattern = topicPattern(text)
	default:
		t.pattern = newOccurs(text)
	}
	return t, nil
}

// reason is what CheckTopicFilter's sentence says beside the filter itself.
func reason(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, `": `); i >= 0 {
		return s[i+3:]
	}
	return s
}

func (p *filterParser) isOperand(t *Term) (Expr, error) {
	start := p.at
	t.Text = strings.ToLower(p.bare())
	switch t.Text {
	case IsRetained, IsMissed, IsReordered, IsOurs:
		return t, nil
	}
	return nil, p.fail(start, "retained, missed, reordered or ours")
}

func (p *filterParser) numberOperand(t *Term) (Expr, error) {
	p.space()
	start := p.at
	text := strings.ToLower(p.bare())
	var ok bool
	var expected string
	switch t.Key {
	case KeyDelta, KeyLatency, KeyAge:
		t.Value, ok = parseSpan(text)
		expected = "a duration with its unit, such as 250ms, 10s, 5m or 2h"
	case KeySize:
		t.Value, ok = parseSize(text)
		expected = "a size in bytes, such as 512, 1KiB or 2MB"
	case KeySeq:
		t.Value, ok = parseWhole(text, math.MaxInt64)
		expected = "a whole number"
	case KeyQoS:
		t.Value, ok = parseWhole(text, 2)
		expected = "0, 1 or 2"
	}
	if !ok {
		return nil, p.fail(start, expected)
	}
	return t, nil
}

// parseSpan reads a duration as time.ParseDuration does, and days.
func parseSpan(s string) (int64, bool) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return int64(n) * int64(24*time.Hour), err == nil && n <= 100*365
	}
	d, err := time.ParseDuration(s)
	return int64(d), err == nil
}

func parseSize(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' || strings.Contains(s, ",") {
		return 0, false
	}
	n, err := humanize.ParseBytes(s)
	return int64(n), err == nil && n <= math.MaxInt64
}

func parseWhole(s string, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && n <= most && s[0] != '+' && s[0] != '-'
}

// maxRegexCost bounds the regular expressions of one expression together, in
// instructions of their programs, for a text is matched in time proportional
// to its length times that.
const maxRegexCost = 1000

func (p *filterParser) regexOperand(t *Term) (Expr, error) {
	start := p.at
	source, err := p.regexText()
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(source, syntax.Perl)
	if err != nil {
		return nil, p.fail(start, "a regular expression (RE2); "+strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	if p.cost += regexCost(parsed); p.cost > maxRegexCost {
		return nil, p.fail(start, "a smaller regular expression")
	}
	if t.regex, err = regexp.Compile(source); err != nil {
		return nil, p.fail(start, "a regular expression (RE2)")
	}
	t.Text = source
	return t, nil
}

// regexCost is about the number of instructions of re's program, found without
// compiling it. It never overflows: syntax.Parse refuses more than 1,000
// repetitions, also of repetitions.
func regexCost(re *syntax.Regexp) int {
	cost := 1 + len(re.Rune)/2
	for _, sub := range re.Sub {
		cost += regexCost(sub)
	}
	if re.Op == syntax.OpRepeat {
		cost *= max(re.Min, re.Max, 1)
	}
	return cost
}

// text reads a quoted text or a bare one, which may not be empty.
func (p *filterParser) text(expected string) (string, error) {
	if !p.end() && p.s[p.at] == '"' {
		return p.quoted(false)
	}
	start := p.at
	s := p.bare()
	if s == "" {
		return "", p.fail(start, expected)
	}
	return s, nil
}

// bare reads up to white space, a bracket or a quote.
func (p *filterParser) bare() string {
	start := p.at
	for !p.end() && !p.spaceHere() && !strings.ContainsRune(`()"`, rune(p.s[p.at])) {
		_, n := utf8.DecodeRuneInString(p.s[p.at:])
		p.at += n
	}
	return p.s[start:p.at]
}

// quoted reads a text in quotes. In it \" is a quote and \\ a backslash; other
// backslashes stand for themselves. With verbatim all of them do, and one
// before a quote only keeps it from ending the text.
func (p *filterParser) quoted(verbatim bool) (string, error) {
	start := p.at
	var b strings.Builder
	for p.at++; !p.end(); p.at++ {
		c := p.s[p.at]
		switch {
		case c == '"':
			p.at++
			if b.Len() == 0 {
				return "", p.fail(start, "what to look for between the quotes")
			}
			return b.String(), nil
		case c == '\\' && p.at+1 < len(p.s) && (p.s[p.at+1] == '"' || p.s[p.at+1] == '\\'):
			if verbatim {
				b.WriteByte(c)
			}
			p.at++
			c = p.s[p.at]
		}
		b.WriteByte(c)
	}
	return "", p.fail(p.at, fmt.Sprintf("a quote that ends the one in column %d", p.column(start)))
}

// regexText reads a regular expression, in quotes or up to white space or a
// bracket that it did not open.
func (p *filterParser) regexText() (string, error) {
	if !p.end() && p.s[p.at] == '"' {
		return p.quoted(true)
	}
	start, open, class := p.at, 0, false
	for ; !p.end() && !p.spaceHere() && p.s[p.at] != '"'; p.at++ {
		switch c := p.s[p.at]; {
		case c == '\\' && p.at+1 < len(p.s):
			p.at++
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

func (p *filterParser) regexSlice(start int) (string, error) {
	if p.at == start {
		return "", p.fail(start, "a regular expression, right after the :~")
	}
	return p.s[start:p.at], nil
}

// quote returns s in quotes, as quoted reads it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoteWord returns s in quotes if it would not be read as one word otherwise.
func quoteWord(s string) string {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-/.+#*?$@%", r) {
			return quote(s)
		}
	}
	switch strings.ToLower(s) {
	case "", "and", "or", "not":
		return quote(s)
	}
	if s[0] == '-' {
		return quote(s)
	}
	return s
}
