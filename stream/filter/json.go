package filter

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSON is the longest payload that is read as JSON, in bytes. Its nesting
// is bounded by jsontext, at 10,000.
const maxJSON = 1 << 20

// matchPath reports whether payload is JSON and t is true of the value at Path:
// a text, a number, true, false or null.
func (t *Term) matchPath(payload []byte) bool {
	if len(payload) > maxJSON || len(payload) < 2 {
		return false
	}
	if c := payload[0]; t.Path != nil && c != '{' && c != '[' && c > ' ' {
		return false
	}
	r := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(r)
	return r.holds(t, payload)
}

// matchDecoded reports whether payload is JSON and t's pattern matches one of
// its text values that has escapes, without them.
func (t *Term) matchDecoded(payload []byte) bool {
	if len(payload) > maxJSON || bytes.IndexByte(payload, '\\') < 0 {
		return false
	}
	r := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(r)
	return r.anyText(t, payload)
}

// isJSON reports whether payload is one JSON value, in UTF-8. A path is followed
// in other bytes too: a degree sign in Latin-1 does not hide the temperature.
func isJSON(payload []byte) bool {
	text := trimSpace(view(payload))
	if text == "" || strings.IndexByte(`{["-0123456789tfn`, text[0]) < 0 {
		return false
	}
	r := jsonReaders.Get().(*jsonReader)
	defer jsonReaders.Put(r)
	r.reset(payload)
	return r.dec.SkipValue() == nil && r.rest() && utf8.Valid(payload)
}

// jsonReaders holds *jsonReader between messages, so that none is made for each.
var jsonReaders = sync.Pool{New: func() any { return &jsonReader{dec: jsontext.NewDecoder(new(bytes.Buffer))} }}

// A jsonReader looks into JSON without decoding it: it skips what it passes.
type jsonReader struct {
	src  bytes.Buffer
	dec  *jsontext.Decoder
	text []byte // the last string without its escapes

	number []byte // the last value that opNumber was true of
}

func (r *jsonReader) reset(payload []byte) {
	r.src = *bytes.NewBuffer(payload) // which the decoder reads in place
	r.dec.Reset(&r.src, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func (r *jsonReader) holds(t *Term, payload []byte) bool {
	r.reset(payload)
	found, err := r.follow(t, t.Path)
	return err == nil && found && r.rest()
}

// follow reads the next value and reports whether t is true of the value at
// path in it.
func (r *jsonReader) follow(t *Term, path Path) (bool, error) {
	kind := r.dec.PeekKind()
	switch {
	case len(path) > 0 && path[0].Name == "" && kind == '[':
		return r.followArray(t, path)
	case len(path) > 0 && path[0].Name != "" && kind == '{':
		return r.followObject(t, path)
	case len(path) > 0 || kind == '[' || kind == '{':
		return false, r.dec.SkipValue()
	}
	value, err := r.dec.ReadValue()
	if t.Op == opNumber {
		r.number = append(r.number[:0], value...)
		return err == nil && kind == '0', err
	}
	return err == nil && t.matchValue(r.unquote(value), kind), err
}

// followObject follows path through an object. The last member with exactly
// the name of the step counts; without one, the last whose name differs only
// in case.
func (r *jsonReader) followObject(t *Term, path Path) (found bool, err error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return false, err
	}
	exact := false
	for r.dec.PeekKind() != '}' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return false, err
		}
		text := view(r.unquote(name))
		same := text == path[0].Name
		if same || !exact && strings.EqualFold(text, path[0].Name) {
			exact = same
			found, err = r.follow(t, path[1:])
		} else {
			err = r.dec.SkipValue()
		}
		if err != nil {
			return false, err
		}
	}
	_, err = r.dec.ReadToken()
	return found, err
}

// followArray follows path through the element of an array that the step
// names, or through each of them.
func (r *jsonReader) followArray(t *Term, path Path) (found bool, err error) {
	if _, err := r.dec.ReadToken(); err != nil {
		return false, err
	}
	for i := 0; r.dec.PeekKind() != ']'; i++ {
		if !found && (path[0].Any || i == path[0].Index) {
			found, err = r.follow(t, path[1:])
		} else {
			err = r.dec.SkipValue()
		}
		if err != nil {
			return false, err
		}
	}
	_, err = r.dec.ReadToken()
	return found, err
}

// anyText reports whether payload is JSON and t's pattern matches one of its
// text values that has escapes.
func (r *jsonReader) anyText(t *Term, payload []byte) bool {
	r.reset(payload)
	for found := false; ; {
		parent, length := r.dec.StackIndex(r.dec.StackDepth())
		isName := parent == '{' && length%2 == 0
		if isName || found || r.dec.PeekKind() != '"' {
			if _, err := r.dec.ReadToken(); err != nil {
				return false
			}
		} else if value, err := r.dec.ReadValue(); err != nil {
			return false
		} else if bytes.IndexByte(value, '\\') >= 0 {
			found = t.pattern.match(view(r.unquote(value)))
		}
		if r.dec.StackDepth() == 0 {
			return found && r.rest()
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
// equal as numbers, all else as texts; a text that is a number may also be less
// or greater than one.
func (t *Term) matchValue(value []byte, kind jsontext.Kind) bool {
	text := view(value)
	switch t.Op {
	case Has:
		return t.pattern.match(text)
	case MatchesRegex:
		return t.regex.MatchString(text)
	case Equal, NotEqual:
		if t.literal.isNum && kind == '0' {
			break
		}
		equal := text == t.Text && (kind == '"' || !t.literal.quoted)
		return equal == (t.Op == Equal)
	}
	return t.compareNumber(text)
}

// compareNumber reports whether text is a number for which t is true.
func (t *Term) compareNumber(text string) bool {
	n, ok := parseNumber(text)
	return ok && t.Op.holds(n.compare(&t.literal.num))
}
