package decode

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"hellox/stream/jsonview"
)

// Bounds of the work for one payload.
const (
	maxInput  = 1 << 20 // bytes of a payload
	maxOutput = 4 << 20 // bytes of a Result
	maxLayers = 4       // of gzip in one another
	maxDepth  = 64      // of values in one another
)

// Names of the encodings, as a Result has them.
const (
	Gzip      = "gzip"
	CBOR      = "CBOR"
	Sparkplug = "Sparkplug B"
)

// Media types of a Result, beside those of images.
const (
	typeJSON   = "application/json"
	typeText   = "text/plain"
	typeBinary = "application/octet-stream"
)

// A Result is what a payload holds.
type Result struct {
	// Encodings are those that were undone, the outermost first. None: Content
	// is the payload.
	Encodings []string
	Content   []byte
	MediaType string // of Content: application/json, text/plain, image/png, image/jpeg, image/gif or application/octet-stream
	// Width and Height of an image in pixels.
	Width, Height int
	// Problem says in one sentence what could not be decoded, or why Content is
	// only the beginning.
	Problem string
}

// May reports whether a payload of a topic may hold something else than it is, so
// that Decode should look: it is not text, or Sparkplug B by its topic.
func May(topic string, payload []byte) bool { return !utf8.Valid(payload) || isSparkplug(topic) }

// Decode returns what a payload of a topic holds.
func Decode(topic string, payload []byte) Result {
	r := Result{Content: payload, MediaType: typeBinary}
	if len(payload) > maxInput {
		r.Problem = fmt.Sprintf("a payload of more than %d MiB is not decoded", maxInput>>20)
		r.name()
		return r
	}
	for len(r.Encodings) < maxLayers && r.Problem == "" && r.gunzip() {
	}
	if isSparkplug(topic) {
		switch body, err := sparkplug(r.Content); {
		case err == nil:
			r.is(Sparkplug, body)
			return r
		case r.Problem == "":
			r.Problem = "not Sparkplug B: " + err.Error()
		}
	}
	if r.name(); r.MediaType != typeBinary || r.Problem != "" {
		return r
	}
	switch body, err := cborJSON(r.Content); {
	case err == nil:
		r.is(CBOR, body)
	case errors.Is(err, errTooLarge):
		r.Problem = err.Error()
	}
	return r
}

// is says that the content was the encoding of JSON.
func (r *Result) is(encoding string, body []byte) {
	r.Encodings = append(r.Encodings, encoding)
	r.Content, r.MediaType, r.Problem = body, typeJSON, ""
}

// name sets the media type, and the size of an image.
func (r *Result) name() {
	if mediaType, width, height := image(r.Content); mediaType != "" {
		r.MediaType, r.Width, r.Height = mediaType, width, height
		return
	}
	if !utf8.Valid(r.Content) {
		return
	}
	r.MediaType = typeText
	if jsonview.Check(r.Content) == nil {
		r.MediaType = typeJSON
	}
}
