package form

import (
	"fmt"
	"strings"
	"time"

	"hellox/stream"
)

// parseCommand parses what hellox tell takes after the ID: say TEXT, pause,
// resume, interval MIN MAX or identify.
func parseCommand(line string) (stream.Command, error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	c := stream.Command{Do: stream.Verb(verb)}
	switch words := strings.Fields(rest); {
	case c.Do == stream.Say:
		c.Text = rest
	case c.Do == stream.Interval:
		if len(words) != 2 {
			return c, fmt.Errorf("interval takes the shortest and the longest time: interval 1s 10s")
		}
		var err error
		if c.Min, err = time.ParseDuration(words[0]); err != nil {
			return c, fmt.Errorf("%q is no time; 1s, 500ms and 1m30s are", words[0])
		}
		if c.Max, err = time.ParseDuration(words[1]); err != nil {
			return c, fmt.Errorf("%q is no time; 1s, 500ms and 1m30s are", words[1])
		}
	case len(words) > 0 && verb != "":
		return c, fmt.Errorf("%s takes nothing behind it", verb)
	}
	return c, c.Check()
}
