package web

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// readBody decodes r's body, one JSON object, into v. It refuses unknown
// fields: a misspelt "retain" must not publish without it. It refuses another
// content type as well: a form of another site can send text, but not JSON.
func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != typeJSON {
		return &statusError{http.StatusUnsupportedMediaType, "the body must be JSON: send the header Content-Type: " + typeJSON}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	if err != nil {
		return badRequest(wrongBody(err))
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return badRequest(wrongBody(err))
	}
	if _, more := decoder.Token(); more != io.EOF {
		return badRequest("the body is one JSON object; something follows it")
	}
	if why := changed(body); why != "" {
		return badRequest(why)
	}
	return nil
}

// changed says what encoding/json has decoded without an error to something else
// than was sent, or "".
func changed(body []byte) string {
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		return "the body is a JSON null; it must be an object"
	}
	for at := 0; at < len(body); {
		r, size := utf8.DecodeRune(body[at:])
		if r == utf8.RuneError && size == 1 {
			return fmt.Sprintf("the body is not UTF-8: at byte %d", at+1)
		}
		if r != '\\' {
			at += size
			continue
		}
		first := escaped(body[at:])
		at += 2
		if !utf16.IsSurrogate(first) {
			continue
		}
		const escape = len(`\ud800`)
		if utf16.DecodeRune(first, escaped(body[at-2+escape:])) == utf8.RuneError {
			return fmt.Sprintf("%s at byte %d is half of a character", body[at-2:at-2+escape], at-1)
		}
		at += 2*escape - 2
	}
	return ""
}

// escaped returns the code unit of the \u with which valid JSON begins, or -1.
func escaped(b []byte) rune {
	if !bytes.HasPrefix(b, []byte(`\u`)) {
		return -1
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// wrongBody says why a body could not be decoded, without the words of Go.
func wrongBody(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var base64 base64.CorruptInputError
	unknown, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return "the body is a JSON " + jsonKind(kind.Value) + "; it must be an object"
	case errors.As(err, &kind):
		return fmt.Sprintf("%s is a JSON %s; it must be %s", kind.Field, jsonKind(kind.Value), wantedKind(kind.Type))
	case errors.As(err, &syntax) && strings.Contains(syntax.Error(), "max depth"):
		return fmt.Sprintf("the body is nested too deep: at byte %d; at most 10000 levels are read", syntax.Offset)
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON: at byte %d: %s", syntax.Offset, syntax)
	case errors.As(err, &base64):
		return fmt.Sprintf("payload_base64 is not base64: at byte %d", int64(base64))
	case isUnknown:
		return "there is no field " + unknown + " here"
	case errors.Is(err, io.EOF):
		return "the body is empty; it must be a JSON object"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the body is not JSON: it ends too early"
	}
	return "the body cannot be read: " + err.Error()
}

// jsonKind returns what encoding/json calls a value, without its digits.
func jsonKind(value string) string {
	kind, _, _ := strings.Cut(value, " ")
	if kind == "bool" {
		return "boolean"
	}
	return kind
}

// wantedKind returns what a field takes, in the words of JSON.
func wantedKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a string in base64"
	}
	return "a number from 0"
}
