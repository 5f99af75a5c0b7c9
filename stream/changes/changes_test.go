package changes

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"hellox/stream/safetext"
)

func told(before, now string) string {
	var lines []string
	for _, c := range Between([]byte(before), []byte(now)) {
		lines = append(lines, string(c.Sign)+" "+c.Text)
	}
	return strings.Join(lines, "\n")
}

func TestCases(t *testing.T) {
	b, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][3]string
	if err := json.Unmarshal(b, &cases); err != nil || len(cases) < 25 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		if got := told(c[0], c[1]); got != c[2] {
			t.Errorf("%s to %s:\n%s\nwant\n%s", c[0], c[1], got, c[2])
		}
	}
	if got := told(`{"":1}`, `{"":2}`); got != `~ payload."" 1 → 2 (+1)` {
		t.Error(got)
	}
	if got := told("\xff", strings.Repeat("\xff", 2048)); got != "~ 1 B → 2.0 KiB" {
		t.Error(got)
	}
}

// What is told of large and deep payloads is bounded.
func TestLargePayloads(t *testing.T) {
	for name, f := range map[string]func(string) string{
		"numbers": func(n string) string { return "[" + strings.Repeat(n+",", 128<<10) + n + "]" },
		"deep":    func(n string) string { return strings.Repeat("[", 10_000) + n + strings.Repeat("]", 10_000) },
		"objects": func(n string) string {
			return strings.Repeat(`{"a":`+n+`,"b":`, 10_000) + n + strings.Repeat("}", 10_000)
		},
		"too deep": func(n string) string { return strings.Repeat("[", 256<<10) + n },
		"large":    func(n string) string { return "[" + strings.Repeat(n+",", 2<<20) + n + "]" },
	} {
		t.Run(name, func(t *testing.T) {
			all := Between([]byte(f("1")), []byte(f("2")))
			size := 0
			for _, c := range all {
				size += len(c.Text)
			}
			if len(all) == 0 || len(all) > maxLines+1 || size > 1<<20 {
				t.Errorf("%d changes of %d bytes", len(all), size)
			}
		})
	}
}

func FuzzBetween(f *testing.F) {
	f.Add([]byte(`{"a":1,"a":"\ud800","b":[{}]}`), []byte(`{"a":1e400,"b":[[]],"":null}`))
	f.Add([]byte("\x1b]0;x\x07\u202e"), []byte("\u0301"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		all := Between(a, b)
		if len(all) == 0 {
			t.Fatalf("%q, %q: no word about it", a, b)
		}
		for _, c := range all {
			if safetext.Clean(c.Text) != c.Text {
				t.Fatalf("%q, %q: %q is not safe", a, b, c.Text)
			}
		}
	})
}
