package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text reads a quoted text or a bare one, which may not be empty.
func (p *parser) text(expected string) (string, error) {
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
func (p *parser) bare() string {
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
// The text may not be empty.
func (p *parser) quoted(verbatim bool) (string, error) {
	start := p.at
	text, err := p.unquote(verbatim)
	if err == nil && text == "" {
		return "", p.fail(start, "what to look for between the quotes")
	}
	return text, err
}

// quotedOrEmpty reads a text in quotes, which may be empty.
func (p *parser) quotedOrEmpty() (string, error) { return p.unquote(false) }

// unquote reads a text in quotes, see quoted.
func (p *parser) unquote(verbatim bool) (string, error) {
	start := p.at
	var b strings.Builder
	for p.at++; !p.end(); p.at++ {
		c := p.s[p.at]
		switch {
		case c == '"':
			p.at++
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

// quote returns s in quotes, as quoted reads it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoteWord returns s in quotes if it might not be read as one word otherwise.
func quoteWord(s string) string {
	if s == "" || s[0] == '-' || len(s) >= len("payload.") && strings.EqualFold(s[:len("payload.")], "payload.") {
		return quote(s)
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-/.+#*?$@%", r) {
			return quote(s)
		}
	}
	switch strings.ToLower(s) {
	case "and", "or", "not":
		return quote(s)
	}
	return s
}
