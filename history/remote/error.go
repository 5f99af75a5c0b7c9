package remote

import (
	"fmt"
	"net/http"
)

// An APIError is what a receiver answered instead of what it was asked for
// (RFC 9457).
type APIError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
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
