package stream

import "errors"

// WithHint returns err with a sentence that says what to try next.
func WithHint(err error, hint string) error { return &hinted{err, hint} }

// Hint returns what to try next after err, or "".
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

type hinted struct {
	error
	hint string
}

func (e *hinted) Hint() string  { return e.hint }
func (e *hinted) Unwrap() error { return e.error }
