package output

import (
	"encoding/json"
	"io"
	"strings"

	"hellox/stream/safetext"
)

// OneLine makes a text that may come from the network or from another program
// safe to show as one line.
func OneLine(s string) string {
	return safetext.Clean(strings.Join(strings.Fields(s), " "))
}

// JSON writes v as one line.
func JSON(w io.Writer, v any) error {
	return json.NewEncoder(w).Encode(v)
}
