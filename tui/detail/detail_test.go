package detail

import (
	"fmt"
	"io"
	"runtime"
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
	return strings.Join(laidOut(&m, size, view, 100).shownLines(0, 1<<20, noNode), "\n")
}

func laidOut(m *stream.Message, size int, view View, w int) *document {
	return newDocument(theme.New(lipgloss.NewRenderer(io.Discard)), content{message: m, size: size, view: view, zone: time.UTC}, w)
}

func TestPayloads(t *testing.T) {
	for _, c := range []struct{ payload, want string }{
		{`{"serial":1724442618569203714,"v":1e400,"serial":127.0}`, "json\n ▾ {\n     \"serial\": 1724442618569203714,\n     \"v\": 1e400,\n     \"serial\": 127.0\n   }"},
		{`{"room":"\u041a\u0443\u0445\u043d\u044f\u202e"}`, "json\n ▾ {\n     \"room\": \"Кухня\\u202e\"\n   }"},
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

// TestLayOutIsBounded looks at the first screens of large payloads: no more of them
// is laid out. The bound is on what is allocated, which is no matter of time.
func TestLayOutIsBounded(t *testing.T) {
	for name, payload := range map[string]string{
		"flat": "[" + strings.Repeat("1.5,", 1<<20) + "1]",
		"deep": strings.Repeat("[", 9990) + "1" + strings.Repeat("]", 9990),
		"text": `["` + strings.Repeat(`\u00fc`, 1<<20) + `"]`,
		"raw":  strings.Repeat("x", 4<<20),
		"line": strings.Repeat("a\n", 2<<20),
		"wide": `{"` + strings.Repeat("k", 4<<20) + `":1}`,
		"hex":  strings.Repeat("\xff", 4<<20),
	} {
		t.Run(name, func(t *testing.T) {
			m := stream.Message{Topic: "a", Payload: []byte(payload)}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			d := laidOut(&m, len(payload), JSON, 100)
			for top := 0; top < 400; top += 40 {
				if n := len(d.shownLines(d.top(top, 40), 40, noNode)); n != 40 && name != "text" && name != "wide" {
					t.Errorf("%d lines from %d on, want 40", n, top)
				}
			}
			runtime.ReadMemStats(&after)
			if got, most := after.TotalAlloc-before.TotalAlloc, uint64(2*len(payload)+2<<20); got > most {
				t.Errorf("%d bytes are allocated for 400 lines of a payload of %d", got, len(payload))
			}
			if d.left() == "" && name != "text" && name != "wide" {
				t.Error("it is not said that there is more")
			}
		})
	}
}

// TestLongFactsAreWrapped has a topic that fits into no line.
func TestLongFactsAreWrapped(t *testing.T) {
	m := stream.Message{Topic: strings.Repeat("level/", 40) + "end", Payload: []byte("x")}
	got := strings.Join(laidOut(&m, 1, JSON, 60).shownLines(0, 100, noNode), "")
	if got = strings.ReplaceAll(got, " ", ""); !strings.Contains(got, m.Topic) {
		t.Errorf("the topic is not there as a whole:\n%s", got)
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
