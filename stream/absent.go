package stream

import (
	"fmt"
	"slices"
	"strings"

	"hellox/stream/safetext"
)

// An AbsentError is the error of a Command for a broadcaster that is not there.
type AbsentError struct {
	ID    string
	State string   // what its presence says: gone or lost; "" if it never was there
	Here  []string // the broadcasters that are
}

// maxNamed bounds the names in the sentence of an AbsentError.
const maxNamed = 10

func (e *AbsentError) Error() string {
	what := "there is no broadcaster " + safetext.Topic(e.ID)
	if e.State != "" {
		what = safetext.Topic(e.ID) + " is " + safetext.Clean(e.State)
	}
	if len(e.Here) == 0 {
		return what + ", and no other is there"
	}
	names := slices.Sorted(slices.Values(e.Here))
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	there := "there are "
	if len(e.Here) == 1 {
		there = "there is "
	}
	return what + "; " + there + safetext.Clean(strings.Join(names, ", ")) + more
}
