package filter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// The reference is a second, slow reading of the filter language's terms about
// payloads, over encoding/json and math/big.

// A refMember is a member of an object, of which the reference keeps all.
type refMember struct {
	name  string
	value any // string, json.Number, bool, nil, []any or []refMember
}

// refParse decodes one JSON value.
func refParse(payload string) (any, bool) {
	if !json.Valid([]byte(payload)) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	return refValue(d), true
}

func refValue(d *json.Decoder) any {
	token, err := d.Token()
	if err != nil {
		panic(err) // it was valid
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, refValue(d))
		}
		_, _ = d.Token()
		return list
	case json.Delim('{'):
		members := []refMember{}
		for d.More() {
			name, _ := d.Token()
			members = append(members, refMember{name.(string), refValue(d)})
		}
		_, _ = d.Token()
		return members
	}
	return token
}

// refFollow returns the values at path.
func refFollow(v any, path Path) []any {
	if len(path) == 0 {
		return []any{v}
	}
	step, rest := path[0], path[1:]
	switch v := v.(type) {
	case []refMember:
		for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
			for _, m := range slices.Backward(v) {
				if step.Name != "" && same(m.name, step.Name) {
					return refFollow(m.value, rest)
				}
			}
		}
	case []any:
		var all []any
		for i, element := range v {
			if step.Name == "" && (step.Any || step.Index == i) {
				all = append(all, refFollow(element, rest)...)
			}
		}
		return all
	}
	return nil
}

// refNumber parses a decimal number; plain is false if zeros stand in front.
func refNumber(s string) (n *big.Rat, plain, ok bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" { // big.Rat knows more than decimals
		return nil, false, false
	}
	n, ok = new(big.Rat).SetString(s)
	digits := strings.TrimLeft(s, "+-")
	return n, ok && (len(digits) < 2 || digits[0] != '0' || digits[1] < '0' || digits[1] > '9'), ok
}

// refOrder reports whether op holds of two numbers.
func refOrder(op Op, a, b *big.Rat) bool {
	switch c := a.Cmp(b); op {
	case Equal:
		return c == 0
	case NotEqual:
		return c != 0
	case Less:
		return c < 0
	case LessEqual:
		return c <= 0
	case Greater:
		return c > 0
	default:
		return c >= 0
	}
}

// refCompare reports whether op holds of a text, which is a number if isNumber,
// and the operand.
func refCompare(text string, isNumber, isText bool, op Op, operand string, quoted bool) bool {
	a, aPlain, aOK := refNumber(text)
	b, bPlain, bOK := refNumber(operand)
	if op != Equal && op != NotEqual {
		return aOK && bOK && refOrder(op, a, b)
	}
	if isNumber && aOK && aPlain && bOK && bPlain && !quoted {
		return refOrder(op, a, b)
	}
	return (text == operand && (isText || !quoted)) == (op == Equal)
}

// refContains reports whether word occurs in s without regard to case.
func refContains(s, word string) bool {
	n := utf8.RuneCountInString(word)
	runes := []rune(s)
	for i := 0; i+n <= len(runes); i++ {
		if strings.EqualFold(string(runes[i:i+n]), word) {
			return true
		}
	}
	return false
}

func refAnyText(v any, word string) bool {
	switch v := v.(type) {
	case string:
		return refContains(v, word)
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return refAnyText(e, word) })
	case []refMember:
		return slices.ContainsFunc(v, func(m refMember) bool { return refAnyText(m.value, word) })
	}
	return false
}

// refMatch reports whether a term about the payload is true.
func refMatch(payload string, path Path, op Op, operand string, quoted bool) bool {
	value, valid := refParse(payload)
	if path == nil {
		trimmed := strings.Trim(payload, " \t\r\n")
		text, isText := value.(string)
		switch {
		case op == Has:
			return refContains(payload, operand) || refAnyText(value, operand)
		case op != Equal && op != NotEqual && isText:
			return refCompare(text, false, true, op, operand, quoted)
		}
		if _, plain, ok := refNumber(trimmed); ok && (plain || op != Equal && op != NotEqual) {
			if _, plain, ok := refNumber(operand); ok && (plain && !quoted || op != Equal && op != NotEqual) {
				return refCompare(trimmed, true, true, op, operand, quoted)
			}
		}
		return refCompare(payload, false, true, op, operand, quoted)
	}
	if !valid {
		return false
	}
	for _, v := range refFollow(value, path) {
		text, isText := v.(string)
		number, isNumber := v.(json.Number)
		switch v.(type) {
		case []any, []refMember:
			continue
		case json.Number:
			text = number.String()
		case bool:
			text = fmt.Sprint(v)
		case nil:
			text = "null"
		}
		if op == Has && refContains(text, operand) || op != Has && refCompare(text, isNumber, isText, op, operand, quoted) {
			return true
		}
	}
	return false
}

// drawDecimal draws a number of JSON; many are close to each other.
func drawDecimal(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "-"}).Draw(t, "sign") +
		rapid.SampledFrom([]string{"0", "1", "10", "30", "9007199254740992", "9007199254740993", "18446744073709551615", "18446744073709551616"}).Draw(t, "whole") +
		rapid.SampledFrom([]string{"", ".0", ".5", ".05", ".50", ".0000000000000000000000001"}).Draw(t, "fraction") +
		rapid.SampledFrom([]string{"", "", "e0", "E1", "e+2", "e-1", "e-002", "e40"}).Draw(t, "exponent")
}

var refNames = []string{"a", "A", "b", "switch:0", "x y", "k", "\u212A", `q"\`}

// drawJSON draws JSON source of at most so many levels, also with names given
// twice and escapes.
func drawJSON(t *rapid.T, levels int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t"})
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if levels == 0 {
		kind %= 4
	}
	var b strings.Builder
	switch kind {
	case 0, 4:
		return drawDecimal(t)
	case 1:
		return drawString(t, rapid.OneOf(rapid.SampledFrom([]string{"", "ON", "on", "30", "30.0", "1.10", "007", "true", "küche", "Кухня", "k\u00fc\n\\"}),
			rapid.Custom(drawDecimal)).Draw(t, "text"))
	case 2:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case 3, 5:
		b.WriteByte('[')
		for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
			b.WriteString([]string{"", ","}[min(i, 1)] + space.Draw(t, "space") + drawJSON(t, max(levels-1, 0)))
		}
		return b.String() + "]"
	}
	b.WriteByte('{')
	for i := range rapid.IntRange(0, 4).Draw(t, "members") {
		name := drawString(t, rapid.SampledFrom(refNames).Draw(t, "name"))
		b.WriteString([]string{"", ","}[min(i, 1)] + space.Draw(t, "space") + name + ":" + space.Draw(t, "space") + drawJSON(t, levels-1))
	}
	return b.String() + "}"
}

// drawString writes s as a JSON string, perhaps with escapes.
func drawString(t *rapid.T, s string) string {
	if rapid.Bool().Draw(t, "escaped") {
		var b strings.Builder
		for _, r := range s {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		return `"` + b.String() + `"`
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	return strings.TrimSpace(b.String())
}

// Terms about payloads agree with the reference.
func TestPayloadReference(t *testing.T) {
	step := rapid.Custom(func(t *rapid.T) Step {
		if rapid.IntRange(0, 3).Draw(t, "step") > 0 {
			return Step{Name: rapid.SampledFrom(refNames).Draw(t, "name")}
		}
		if rapid.Bool().Draw(t, "any") {
			return Step{Any: true}
		}
		return Step{Index: rapid.IntRange(0, 2).Draw(t, "index")}
	})
	rapid.Check(t, func(t *rapid.T) {
		path := Path(rapid.SliceOfN(step, 0, 3).Draw(t, "path"))
		if len(path) == 0 {
			path = nil
		}
		op := rapid.SampledFrom([]Op{Has, Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual}).Draw(t, "op")
		operand, quoted := drawDecimal(t), rapid.Bool().Draw(t, "quoted")
		if op == Has || op == Equal || op == NotEqual {
			operand = rapid.OneOf(rapid.Just(operand), rapid.SampledFrom([]string{"ON", "on", "true", "TRUE", "null", "1.10", "007", "küche", "Кухня", "+30", "k", "ü"})).Draw(t, "operand")
		}
		if quoted && op != Has && (op == Equal || op == NotEqual) && rapid.Bool().Draw(t, "empty") {
			operand = ""
		}
		written := operand
		if quoted {
			written = quote(operand)
		}
		expression := "payload" + path.String() + string(op) + written
		f, err := Parse(expression)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		for range 4 {
			payload := rapid.OneOf(rapid.Custom(func(t *rapid.T) string { return drawJSON(t, 3) }), rapid.Custom(drawDecimal),
				rapid.SampledFrom([]string{"", "ON", " 30\n", "+30", "007", `"30.0"`, "{", `["k\u00fcche"`, `"\u0033\u0030"`, "NaN", "30 1", "{\"a\":\"\xb0\"}", "\ufeff30", "30\x00"})).Draw(t, "payload")
			want := refMatch(payload, path, op, operand, quoted)
			if got := f.Match(foreignMessage(payload)); got != want {
				t.Fatalf("%s of %s: %t, want %t", expression, payload, got, want)
			}
			if got := mustParse(t, "is:json").Match(foreignMessage(payload)); got != (json.Valid([]byte(payload)) && utf8.ValidString(payload)) {
				t.Fatalf("is:json of %s: %t", payload, got)
			}
		}
	})
}

func mustParse(t interface{ Fatal(...any) }, expression string) *Filter {
	f, err := Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
