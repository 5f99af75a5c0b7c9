package filter

import (
	"fmt"
	"strings"

	"hellox/stream"
)

// term reads one term. What it expects after a key depends on the key.
func (p *parser) term() (Expr, error) {
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
		return p.pathTerm()
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
func (p *parser) name() string {
	start := p.at
	for !p.end() && isLetter(p.s[p.at]) {
		p.at++
	}
	return p.s[start:p.at]
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// operator reads an operator, or nothing.
func (p *parser) operator() Op {
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
func (p *parser) word() (Expr, error) {
	start := p.at
	text := p.bare()
	if text == "" || strings.ContainsAny(text[:1], "<>=!:") {
		return nil, p.fail(start, "a term, or quotes around what to look for")
	}
	return &Term{Key: KeyAny, Op: Has, Text: text, pattern: newOccurs(text)}, nil
}

// operand reads what follows key and op.
func (p *parser) operand(key Key, op Op) (Expr, error) {
	t := &Term{Key: key, Op: op}
	opAt := p.at - len(op)
	switch key {
	case KeySender, KeyTopic, KeyText, KeyPayload:
		switch op {
		case MatchesRegex:
			return p.regexOperand(t)
		case Has:
			return p.textOperand(t)
		}
		if key == KeyPayload {
			return p.valueOperand(t)
		}
		if op == Equal || op == NotEqual {
			return p.exactOperand(t)
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

func (p *parser) numberOperand(t *Term) (Expr, error) {
	p.space()
	start := p.at
	value, expected, ok := parseValue(t.Key, strings.ToLower(p.bare()))
	if !ok {
		return nil, p.fail(start, expected)
	}
	t.Value = value
	return t, nil
}

// maxGlob bounds the time that a glob takes, which may rise with its length
// times that of the text. A name without * and ? may be longer.
const maxGlob = 128 // bytes

// exactOperand reads the text that a sender, a topic or a text is or is not.
func (p *parser) exactOperand(t *Term) (_ Expr, err error) {
	p.space()
	if !p.end() && p.s[p.at] == '"' {
		t.Text, err = p.quotedOrEmpty()
	} else {
		t.Text, err = p.text("a text, right after the " + string(t.Op))
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (p *parser) textOperand(t *Term) (Expr, error) {
	start := p.at
	text, err := p.text("what to look for, right after the " + string(t.Op))
	if err != nil {
		return nil, err
	}
	t.Text = text
	switch t.Key {
	case KeySender:
		if len(text) > maxGlob && strings.ContainsAny(text, "*?") {
			return nil, p.fail(start, fmt.Sprintf("a glob of at most %d bytes", maxGlob))
		}
		t.pattern = newGlob(text)
	case KeyTopic:
		if stream.CheckTopicFilter(text) != nil {
			return nil, p.fail(start, "an MQTT topic filter, with + alone in its level and # alone in the last")
		}
		t.pattern = topicPattern(text)
	default:
		t.pattern = newOccurs(text)
	}
	return t, nil
}

func (p *parser) isOperand(t *Term) (Expr, error) {
	start := p.at
	t.Text = strings.ToLower(p.bare())
	switch t.Text {
	case IsRetained, IsMissed, IsReordered, IsOurs, IsJSON:
		return t, nil
	}
	return nil, p.fail(start, "retained, missed, reordered, ours or json")
}
