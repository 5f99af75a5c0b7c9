package remote

import (
	"fmt"
	"net/http"
)

// An APIError is the body of every answer of the receiver's API that is an error
// (RFC 9457).
type APIError struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Status int    `json:"status"`
	// Column is where a filter does not parse, in characters from 1, and
	// Expected what was expected there.
	Column   int    `json:"column,omitempty"`
	Expected string `json:"expected,omitempty"`
}

func (e *APIError) Error() string {
	switch {
	case e.Detail != "":
		return e.Detail
	case e.Title != "":
		return e.Title
	}
	return fmt.Sprintf("the receiver answered %d %s", e.Status, http.StatusText(e.Status))
}
