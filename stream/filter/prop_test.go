package filter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"hellox/stream"
)

// drawExpr draws an expression as a user might type it, of at most so many levels.
func drawExpr(t *rapid.T, levels int) string {
	if levels == 0 {
		return drawTerm(t)
	}
	switch rapid.IntRange(0, 6).Draw(t, "node") {
	case 0:
		return drawExpr(t, levels-1) + " " + drawExpr(t, levels-1)
	case 1:
		return drawExpr(t, levels-1) + " OR " + drawExpr(t, levels-1)
	case 2:
		return "(" + drawExpr(t, levels-1) + " or " + drawExpr(t, levels-1) + " )"
	case 3:
		return "not " + drawExpr(t, levels-1)
	case 4:
		return "-(" + drawExpr(t, levels-1) + ")"
	case 5:
		return drawExpr(t, levels-1) + " and " + drawExpr(t, levels-1)
	}
	return drawTerm(t)
}

func drawTerm(t *rapid.T) string {
	op := rapid.SampledFrom([]string{"=", "!=", "<", " <=", "> ", ">="}).Draw(t, "op")
	text := func() string {
		return quote(rapid.StringOfN(rapid.RuneFrom([]rune(`aAbK "\ſé*?-():~or`)), 1, 5, -1).Draw(t, "text"))
	}
	whole := rapid.IntRange(0, 2).Draw(t, "whole")
	switch rapid.IntRange(0, 11).Draw(t, "term") {
	case 0:
		return text()
	case 1:
		return rapid.SampledFrom([]string{"sender", "from", "text", "payload"}).Draw(t, "key") +
			rapid.SampledFrom([]string{":", "=", "!="}).Draw(t, "op") + text()
	case 2:
		return "topic:" + rapid.SampledFrom([]string{"#", "+/b", "a/#", "a/b", "A"}).Draw(t, "filter")
	case 3:
		return "text:~" + rapid.SampledFrom([]string{`^a`, `(a|b)$`, `"b \""`, `[)x]`, `\\`}).Draw(t, "regex")
	case 4:
		return rapid.SampledFrom([]string{"delta", "latency", "age"}).Draw(t, "key") + op +
			rapid.SampledFrom([]string{"1s", "1.5ms", "2h", "-3us", "1d"}).Draw(t, "span")
	case 5:
		return "size" + op + rapid.SampledFrom([]string{"5", "1KiB", "0.5kB"}).Draw(t, "size")
	case 6:
		return fmt.Sprintf("seq%s%d", op, whole)
	case 7:
		return fmt.Sprintf("qos%s%d", op, whole)
	case 8:
		return "is:" + rapid.SampledFrom([]string{IsRetained, IsMissed, IsReordered, IsOurs, IsJSON}).Draw(t, "is")
	case 9:
		return "payload" + rapid.SampledFrom([]string{"", ".a", ".b[0]", ".b[]", `."a b".c`, ".é"}).Draw(t, "path") + op +
			rapid.SampledFrom([]string{"1", "2.5", `"1"`, "-1e0", "01"}).Draw(t, "literal")
	case 10:
		return "payload" + rapid.SampledFrom([]string{".a:", ".a=", ".a!=", "=", "!="}).Draw(t, "op") +
			rapid.OneOf(rapid.Custom(func(t *rapid.T) string { return text() }), rapid.SampledFrom([]string{"x", "1", "-1", "true", "01"})).Draw(t, "operand")
	}
	return rapid.SampledFrom([]string{"a", "b", "payload", "delta", "seq", "é/K", "press-*"}).Draw(t, "word")
}

func drawMessage(t *rapid.T) *stream.Message {
	spans := rapid.SampledFrom([]time.Duration{stream.None, 0, time.Second, time.Millisecond, -time.Microsecond * 3})
	word := rapid.SampledFrom([]string{"a", "A b", "b", "k", "\u212A", "s", `a"b`, `\`, "É/k", "x"})
	return &stream.Message{
		Topic:  rapid.SampledFrom([]string{"a", "a/b", "A/b/c", "é/k", "$SYS/b"}).Draw(t, "topic"),
		Sender: word.Draw(t, "sender"), Text: word.Draw(t, "text"), Ours: rapid.Bool().Draw(t, "ours"),
		Payload: []byte(rapid.SampledFrom([]string{"", "a", "A b", "1", "-1.0", "01", `"1"`, "true", `{"a":1}`, `{"a":-1,"a":01}`, `{"A":"x","a":"1","b":[2.5,1]}`, `{"a b":{"c":"x y"},"É":1}`, "\xff"}).Draw(t, "payload")),
		QoS:     byte(rapid.IntRange(0, 2).Draw(t, "qos")), Retained: rapid.Bool().Draw(t, "retained"), Reordered: rapid.Bool().Draw(t, "reordered"),
		Seq: rapid.Uint64Range(0, 3).Draw(t, "seq"), Missed: rapid.Uint64Range(0, 1).Draw(t, "missed"),
		Delta: spans.Draw(t, "delta"), Latency: spans.Draw(t, "latency"), Received: filterNow.Add(-rapid.SampledFrom([]time.Duration{0, time.Second, 25 * time.Hour}).Draw(t, "age")),
	}
}

// What is written is read back as the same, and not turns it around.
func TestFilterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := drawExpr(t, 3)
		f, err := Parse(source)
		if err != nil {
			t.Fatalf("%s: %v", source, err)
		}
		written := f.Expr().String()
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("%s, written as %s: %v", source, written, err)
		}
		if got := again.Expr().String(); got != written {
			t.Fatalf("%s, written as %s, is then written as %s", source, written, got)
		}
		not, err := Parse("not (" + source + ")")
		if err != nil {
			t.Fatalf("not (%s): %v", source, err)
		}
		for range 5 {
			m := drawMessage(t)
			want := f.MatchAt(m, filterNow)
			if again.MatchAt(m, filterNow) != want {
				t.Fatalf("%s is %t, written as %s it is %t", source, want, written, !want)
			}
			if not.MatchAt(m, filterNow) == want {
				t.Fatalf("%s is %t, and so is its contrary", source, want)
			}
		}
	})
}

// Relax is true wherever the expression is, has only the terms that it may, and is
// equal to the expression if it may say everything.
func TestFilterRelax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, err := Parse(drawExpr(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		allowed := rapid.SliceOf(rapid.SampledFrom([]Key{KeyAny, KeySender, KeyTopic, KeySeq, KeyQoS, KeyPayload, KeyIs})).Draw(t, "allowed")
		relaxed := Relax(f.Expr(), func(t *Term) bool { return slices.Contains(allowed, t.Key) })
		all := Relax(f.Expr(), func(*Term) bool { return true })
		for _, k := range []Key{KeyAny, KeySender, KeyTopic, KeyText, KeyPayload, KeyDelta, KeyLatency, KeySize, KeyAge, KeySeq, KeyQoS, KeyIs} {
			if relaxed != nil && hasKey(relaxed, k) && !slices.Contains(allowed, k) {
				t.Fatalf("%s relaxed to %v became %s", f, allowed, relaxed)
			}
		}
		for range 5 {
			m := drawMessage(t)
			want := f.MatchAt(m, filterNow)
			if want && relaxed != nil && !relaxed.match(m, filterNow) {
				t.Fatalf("%s is true, relaxed to %s it is not", f, relaxed)
			}
			if all.match(m, filterNow) != want {
				t.Fatalf("%s is %t, as %s it is not", f, want, all)
			}
		}
	})
}

func TestRelax(t *testing.T) {
	for expression, want := range map[string]string{
		`sender:a delta>1s`: "sender:a", `sender:a or delta>1s`: "", `not (sender:a or delta>1s)`: "not sender:a",
		`not (sender:a delta>1s)`: "", `(sender:a or topic:b) delta>1s x`: "sender:a or topic:b", `not not sender:a`: "sender:a",
		`sender:a topic:b -(x topic:c)`: "sender:a topic:b", `-(sender:a topic:b)`: "not sender:a or not topic:b",
	} {
		f, err := Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if e := Relax(f.Expr(), func(t *Term) bool { return t.Key == KeySender || t.Key == KeyTopic }); e != nil {
			got = e.String()
		}
		if got != want {
			t.Errorf("%s became %q, want %q", expression, got, want)
		}
	}
}

// The fast search agrees with a slow one in any script.
func TestOccurs(t *testing.T) {
	letters := rapid.RuneFrom([]rune("aAbBkK\u212AsS\u017FéÉσςΣİı-1"))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(letters).Draw(t, "text")
		word := rapid.StringOfN(letters, 1, 4, -1).Draw(t, "word")
		runes, n := []rune(text), utf8.RuneCountInString(word)
		want := false
		for i := 0; i+n <= len(runes); i++ {
			want = want || strings.EqualFold(string(runes[i:i+n]), word)
		}
		if got := newOccurs(word).match(text); got != want {
			t.Fatalf("%q in %q: %t", word, text, got)
		}
	})
}

// Every character is found in each of its cases.
func TestOccursEveryCase(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		o := newOccurs(string(r))
		for c := unicode.SimpleFold(r); ; c = unicode.SimpleFold(c) {
			if !o.match("\xff" + string(c)) {
				t.Fatalf("%U is not found as %U", r, c)
			}
			if c == r {
				break
			}
		}
	}
	if newOccurs("\ufffd").match("a\xff") || newOccurs("a\ufffd").match("a\xff") {
		t.Error("what is not UTF-8 is taken for U+FFFD")
	}
}

// A glob agrees with its definition by recursion.
func TestGlob(t *testing.T) {
	var matches func(g, s []rune) bool
	matches = func(g, s []rune) bool {
		switch {
		case len(g) == 0:
			return len(s) == 0
		case g[0] == '*':
			return matches(g[1:], s) || len(s) > 0 && matches(g, s[1:])
		}
		return len(s) > 0 && (g[0] == '?' || unicode.ToLower(g[0]) == unicode.ToLower(s[0])) && matches(g[1:], s[1:])
	}
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.StringOfN(rapid.RuneFrom([]rune("aAbé**?")), 0, 8, -1).Draw(t, "glob")
		s := rapid.StringOfN(rapid.RuneFrom([]rune("aAbBéÉ")), 0, 10, -1).Draw(t, "text")
		if got, want := newGlob(g).match(s), matches([]rune(g), []rune(s)); got != want {
			t.Fatalf("%q of %q: %t", g, s, got)
		}
	})
}

// A topic filter agrees with MatchTopic where case does not matter.
func TestTopicFilter(t *testing.T) {
	level := rapid.SampledFrom([]string{"a", "b", "", "$x", "é"})
	rapid.Check(t, func(t *rapid.T) {
		topic := strings.Join(rapid.SliceOfN(level, 1, 4).Draw(t, "topic"), "/")
		filter := strings.Join(rapid.SliceOfN(rapid.OneOf(level, rapid.Just("+")), 1, 4).Draw(t, "filter"), "/")
		if rapid.Bool().Draw(t, "rest") {
			filter += "/#"
		}
		if got, want := topicPattern(filter).match(topic), stream.MatchTopic(filter, topic); got != want {
			t.Fatalf("%q of %q: %t", filter, topic, got)
		}
		if got := topicPattern(strings.ToUpper(filter)).match(topic); got != stream.MatchTopic(strings.ToUpper(filter), strings.ToUpper(topic)) {
			t.Fatalf("%q in capitals of %q: %t", filter, topic, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, t := range Terms() {
		f.Add(t.Example)
	}
	for _, s := range []string{`a (b or "c d") -e`, `text:~(a|[)"])`, `payload."x y"[3].z!="1"`, `((`, `"\\`, "text:~\xff", `delta>=-1.5h`} {
		f.Add(s)
	}
	messages := []*stream.Message{ourMessage(), foreignMessage(`{"a":[1,{"b":"c"}]}`), foreignMessage("\xff\x00")}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse(s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > utf8.RuneCountInString(s)+1 || e.Expected == "" {
				t.Fatalf("%q: %#v", s, err)
			}
			return
		}
		if filter == nil {
			return
		}
		written := filter.Expr().String()
		again, err := Parse(written)
		if err != nil {
			if len(written) > maxLength || strings.Contains(err.Error(), "at most") {
				return // what was short in the user's spelling
			}
			t.Fatalf("%q, written as %q: %v", s, written, err)
		}
		for _, m := range messages {
			if filter.MatchAt(m, filterNow) != again.MatchAt(m, filterNow) {
				t.Fatalf("%q and %q differ for %s", s, written, m.Payload)
			}
		}
	})
}
