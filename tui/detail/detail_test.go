package detail

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"

	"hellox/stream"
	"hellox/tui/theme"
)

// shown returns the detail of a payload, of which held bytes are there.
func shown(payload string, size int, view View) string {
	m := stream.Message{Topic: "a", Sender: "a", Payload: []byte(payload), Delta: stream.None, DeltaAny: stream.None, Latency: stream.None}
	return strings.Join(Lines(theme.New(lipgloss.NewRenderer(io.Discard)), &m, size, view, 100, time.UTC), "\n")
}

func TestPayloads(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"serial":1724442618569203714,"v":1e400,"serial":127.0}`, "json\n {\n   \"serial\": 1724442618569203714,\n   \"v\": 1e400,\n   \"serial\": 127.0\n }"},
		{`{"room":"\u041a\u0443\u0445\u043d\u044f\u202e"}`, "json\n {\n   \"room\": \"Кухня\\u202e\"\n }"},
		{"\ufeff{}", "raw\n not JSON: line 1, column 1: unexpected byte order mark (U+FEFF), expected a value\n \n ‹U+FEFF›{}"},
		{`{"temp":NaN}`, "raw\n not JSON: line 1, column 9: NaN is not a value in JSON"},
		{"{\"t\":\"20 \xb0C\"}", "hex\n not JSON: line 1, column 10: the byte b0 is not UTF-8"},
		{"door open", "raw\n door open"},
		{"", "empty"},
	} {
		if got := shown(c.payload, len(c.payload), JSON); !strings.Contains(got, c.want) {
			t.Errorf("%q is shown as\n%s\nwant\n%s", c.payload, got, c.want)
		}
	}
	// Of a payload that is not held whole it is not known.
	if got := shown(`{"text":"Hello wor`, 5000, JSON); strings.Contains(got, "not JSON") {
		t.Errorf("the beginning of a payload is said not to be JSON:\n%s", got)
	}
}

// What is shown is in proportion to the payload, however deep it is.
func TestDeepPayload(t *testing.T) {
	for _, levels := range []int{10_000, 128 << 10} {
		payload := strings.Repeat("[", levels) + strings.Repeat("]", levels)
		if got := shown(payload, len(payload), JSON); len(got) > 100*len(payload) {
			t.Errorf("%d levels: %d bytes are shown", levels, len(got))
		}
	}
}

func BenchmarkLines(b *testing.B) {
	for name, payload := range map[string]string{
		"numbers": "[" + strings.Repeat("1,", 128<<10) + "1]",
		"text":    fmt.Sprintf(`{"text":"%s"}`, strings.Repeat(`\u00fc`, 40<<10)),
		"deep":    strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				shown(payload, len(payload), JSON)
			}
		})
	}
}
