package form

import (
	"strings"

	"hellox/stream"
)

// parseCommand parses what hellox tell takes after the ID: say TEXT, pause,
// resume, interval MIN MAX or identify. TEXT is the rest of the line.
func parseCommand(line string) (stream.Command, error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	words := strings.Fields(rest)
	if stream.Verb(verb) == stream.Say && len(words) > 0 {
		words = []string{strings.TrimSpace(rest)}
	}
	return stream.ParseCommand(verb, words...)
}
