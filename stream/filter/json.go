package filter

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSON is the longest payload that is read as JSON, in bytes. Its nesting
// is bounded by jsontext, at 10,000.
const maxJSON = 1 << 20

// matchPath reports whether payload is JSON and t is true of the value at Path:
// a text, a number, true, false or null. Of two members whose names differ at
// most in case the first one counts.
func (t *Term) matchPath(payload []byte) bool {
	if len(payload) > maxJSON || len(payload) < 2 || payload[0] != '{' && payload[0] != '[' && payload[0] > ' ' {
		return false
	}
	r := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(r)
	return r.holds(t, payload)
}

// jsonReaders holds *jsonReader between messages, so that none is made for each.
var jsonReaders = sync.Pool{New: func() any { return &jsonReader{dec: jsontext.NewDecoder(new(bytes.Buffer))} }}

// A jsonReader looks into JSON without decoding it: it skips what it passes.
type jsonReader struct {
	src  bytes.Buffer
	dec  *jsontext.Decoder
	text []byte // the last string without its escapes
}

func (r *jsonReader) holds(t *Term, payload []byte) bool {
	r.src = *bytes.NewBuffer(payload) // which the decoder reads in place
	r.dec.Reset(&r.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for _, s := range t.Path {
		if !r.enter(s) {
			return false
		}
	}
	kind := r.dec.PeekKind()
	if kind == '{' || kind == '[' {
		return false
	}
	value, err := r.dec.ReadValue()
	return err == nil && t.matchValue(r.unquote(value), kind) && r.rest()
}

// enter goes to the beginning of the value that s leads to from the beginning
// of another, and reports whether it is there.
func (r *jsonReader) enter(s Step) bool {
	opens, closes := jsontext.Kind('{'), jsontext.Kind('}')
	if s.Name == "" {
		opens, closes = '[', ']'
	}
	if r.dec.PeekKind() != opens {
		return false
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return false
	}
	for i := 0; ; i++ {
		if kind := r.dec.PeekKind(); kind == closes || kind == 0 {
			return false
		}
		if s.Name == "" {
			if i == s.Index {
				return true
			}
		} else if name, err := r.dec.ReadValue(); err != nil {
			return false
		} else if strings.EqualFold(view(r.unquote(name)), s.Name) {
			return true
		}
		if err := r.dec.SkipValue(); err != nil {
			return false
		}
	}
}

// rest reports whether what follows ends the one JSON text, and nothing else follows.
func (r *jsonReader) rest() bool {
	for r.dec.StackDepth() > 0 {
		if _, err := r.dec.ReadToken(); err != nil {
			return false
		}
	}
	_, err := r.dec.ReadToken()
	return errors.Is(err, io.EOF)
}

// unquote returns the text of a string, and other values as they are, until the
// next call.
func (r *jsonReader) unquote(v jsontext.Value) []byte {
	switch {
	case len(v) == 0 || v[0] != '"':
		return v
	case bytes.IndexByte(v, '\\') < 0:
		return v[1 : len(v)-1]
	}
	// The error is that of invalid UTF-8, which became U+FFFD.
	r.text, _ = jsontext.AppendUnquote(r.text[:0], v)
	return r.text
}

// matchValue compares the JSON value of that kind, unquoted. Two numbers are
// compared as numbers, also when one is written as a text; else two texts are.
func (t *Term) matchValue(value []byte, kind jsontext.Kind) bool {
	text := view(value)
	switch t.Op {
	case Has:
		return t.pattern.match(text)
	case MatchesRegex:
		return t.regex.MatchString(text)
	}
	if t.literal.isNum {
		n, ok := parseNumber(text)
		if !ok {
			return t.Op == NotEqual
		}
		return t.Op.holds(n.compare(t.literal.num))
	}
	if t.literal.quoted && kind != '"' {
		return t.Op == NotEqual
	}
	return t.Op.holds(compareFold(text, t.Text))
}

// compareFold orders two texts without regard to case.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		r, n := decode(a)
		s, m := decode(b)
		if r, s = fold(r), fold(s); r != s {
			return int(r) - int(s)
		}
		a, b = a[n:], b[m:]
	}
	return len(a) - len(b)
}
