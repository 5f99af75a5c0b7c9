package filter

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"hellox/stream"
)

// A Key is what a Term looks at.
type Key string

// The keys of the filter language.
const (
	KeyAny     Key = ""       // topic, sender and payload
	KeySender  Key = "sender" // also written from
	KeyTopic   Key = "topic"
	KeyText    Key = "text"    // of a hellox broadcast; of others, the payload
	KeyPayload Key = "payload" // the bytes; with a Path, the JSON value there
	KeyDelta   Key = "delta"
	KeyLatency Key = "latency"
	KeySize    Key = "size"
	KeyAge     Key = "age"
	KeySeq     Key = "seq"
	KeyQoS     Key = "qos"
	KeyIs      Key = "is"
)

// An Op is how a Term compares.
type Op string

// The operators. Has is "occurs in" for KeyAny, KeyText and KeyPayload, a glob
// (* any characters, ? one) for KeySender, an MQTT topic filter for KeyTopic,
// and the name of a property for KeyIs.
const (
	Has          Op = ":"
	MatchesRegex Op = ":~"
	Equal        Op = "="
	NotEqual     Op = "!="
	Less         Op = "<"
	LessEqual    Op = "<="
	Greater      Op = ">"
	GreaterEqual Op = ">="
)

// A Term is a leaf of an expression: Key Op operand. A message that lacks what
// Key looks at makes it false, whatever Op is.
//
// The operand is in Value for delta, latency and age (nanoseconds), size
// (bytes), seq and qos; in Text for all others. Has disregards case. Equal and
// NotEqual compare a payload, or a value in it, as numbers if both are numbers;
// all else is compared as texts, exactly. Less and its like need numbers.
type Term struct {
	Key   Key
	Path  Path // of a payload.path term; else nil
	Op    Op
	Text  string
	Value int64

	pattern pattern // of Has with a Text; for KeyAny, KeySender, KeyTopic, KeyText and KeyPayload
	regex   *regexp.Regexp
	literal literal // of KeyPayload compared by = != < <= > >=
}

// The properties of KeyIs.
const (
	IsRetained  = "retained"
	IsMissed    = "missed" // numbers were jumped over just before it
	IsReordered = "reordered"
	IsOurs      = "ours"
	IsJSON      = "json" // the payload is one JSON value
)

// MatchText reports whether s, which stands for what Key looks at, makes t true.
// It is for KeySender, KeyTopic and KeyAny, which also looks at the payload;
// for others it is false. So a store that has each sender and topic once can
// turn a term into a list of them.
func (t *Term) MatchText(s string) bool {
	switch t.Key {
	case KeyAny, KeySender, KeyTopic:
		return t.matchText(s)
	}
	return false
}

func (t *Term) matchText(s string) bool {
	switch t.Op {
	case Has:
		return t.pattern.match(s)
	case MatchesRegex:
		return t.regex.MatchString(s)
	}
	return (s == t.Text) == (t.Op == Equal)
}

// matchPayload reports whether t is true of the whole payload: its bytes, for
// Has also the texts in JSON, and for a comparison the number that it is.
func (t *Term) matchPayload(payload []byte) bool {
	text := view(payload)
	switch t.Op {
	case Has:
		return t.pattern.match(text) || t.matchDecoded(payload)
	case MatchesRegex:
		return t.matchText(text)
	case Equal, NotEqual:
		if t.literal.isNum {
			if n, ok := parseNumber(trimSpace(text)); ok && !n.padded {
				return t.Op.holds(n.compare(&t.literal.num))
			}
		}
		return t.matchText(text)
	}
	text = trimSpace(text)
	if strings.HasPrefix(text, `"`) {
		return t.matchPath(payload)
	}
	return t.compareNumber(text)
}

// trimSpace returns s without the white space of JSON around it.
func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }

func (t *Term) match(m *stream.Message, now time.Time) bool {
	switch t.Key {
	case KeyAny:
		return t.matchText(m.Topic) || t.matchText(m.Sender) || t.matchPayload(m.Payload)
	case KeySender:
		return t.matchText(m.Sender)
	case KeyTopic:
		return t.matchText(m.Topic)
	case KeyText:
		if m.Ours {
			return t.matchText(m.Text)
		}
		return t.matchPayload(m.Payload)
	case KeyPayload:
		if t.Path != nil {
			return t.matchPath(m.Payload)
		}
		return t.matchPayload(m.Payload)
	case KeyDelta:
		return m.Delta != stream.None && t.compare(int64(m.Delta))
	case KeyLatency:
		return m.Latency != stream.None && t.compare(int64(m.Latency))
	case KeySize:
		return t.compare(int64(len(m.Payload)))
	case KeyAge:
		return t.compare(int64(now.Sub(m.Received)))
	case KeySeq:
		return m.Ours && t.compare(int64(m.Seq))
	case KeyQoS:
		return t.compare(int64(m.QoS))
	case KeyIs:
		switch t.Text {
		case IsRetained:
			return m.Retained
		case IsMissed:
			return m.Missed > 0
		case IsReordered:
			return m.Reordered
		case IsOurs:
			return m.Ours
		case IsJSON:
			return isJSON(m.Payload)
		}
	}
	return false
}

func (t *Term) compare(v int64) bool {
	switch {
	case v < t.Value:
		return t.Op.holds(-1)
	case v > t.Value:
		return t.Op.holds(1)
	}
	return t.Op.holds(0)
}

// holds reports whether op is true of two values of which the first is less
// (order < 0), equal (0) or greater (> 0).
func (op Op) holds(order int) bool {
	switch op {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	case LessEqual:
		return order <= 0
	case Greater:
		return order > 0
	case GreaterEqual:
		return order >= 0
	}
	return false
}

// String returns t as it can be parsed.
func (t *Term) String() string {
	switch t.Key {
	case KeyAny:
		return quoteWord(t.Text)
	case KeyDelta, KeyLatency, KeyAge:
		return string(t.Key) + string(t.Op) + time.Duration(t.Value).String()
	case KeySize, KeySeq, KeyQoS:
		return string(t.Key) + string(t.Op) + strconv.FormatInt(t.Value, 10)
	}
	s := string(t.Key) + t.Path.String() + string(t.Op)
	switch {
	case t.Op == MatchesRegex:
		// What stands in the quotes of a regular expression is taken as it
		// is, and no bare quote can be in it.
		return s + `"` + t.Text + `"`
	case t.literal.quoted:
		return s + quote(t.Text)
	case t.literal.isNum:
		return s + t.Text // in quotes it would be a text
	}
	return s + quoteWord(t.Text)
}
