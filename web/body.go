package web

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
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
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			return badRequest("the body is one JSON object; something follows it")
		}
		return nil
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &statusError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	return badRequest(wrongBody(err))
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
