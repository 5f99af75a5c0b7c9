package jsonview

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"hellox/stream/safetext"
)

// A testCase is one of testdata/cases.json, which the page's test reads too.
type testCase struct {
	Name     string `json:"name"`
	Payload  string `json:"payload"`
	Base64   []byte `json:"payload_base64"` // instead
	Indented string `json:"indented"`       // if it is JSON
	Line     string `json:"line"`           // if it differs from the cleaned payload
	Problem  string `json:"problem"`        // if it is not JSON
	Looks    bool   `json:"looks"`          // like JSON
}

func (c *testCase) bytes() []byte {
	if c.Base64 != nil {
		return c.Base64
	}
	return []byte(c.Payload)
}

func cases(t testing.TB) []testCase {
	b, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []testCase
	if err := json.Unmarshal(b, &all); err != nil || len(all) < 50 {
		t.Fatal(len(all), err)
	}
	return all
}

func TestCases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			b := c.bytes()
			got, problem := Indent(b)
			if c.Problem != "" {
				if problem == nil || problem.String() != c.Problem {
					t.Errorf("problem %v, want %s", problem, c.Problem)
				}
			} else if problem != nil || got != c.Indented {
				t.Errorf("%v: %s\nwant\n%s", problem, got, c.Indented)
			}
			want := c.Line
			if want == "" {
				want = safetext.Clean(b)
			}
			if got := Line(string(b)); got != want {
				t.Errorf("line %s, want %s", got, want)
			}
			if got := LooksLikeJSON(b); got != c.Looks {
				t.Errorf("looks like JSON: %t", got)
			}
			check(t, b)
		})
	}
}

// check holds what is true of every payload.
func check(t *testing.T, b []byte) {
	got, problem := Indent(b)
	if valid := utf8.Valid(b) && json.Valid(b); valid != (problem == nil) || !reflect.DeepEqual(problem, Check(b)) {
		t.Fatalf("%q is JSON: %t; Indent says %v, Check %v", b, valid, problem, Check(b))
	}
	if line := Line(string(b)); safetext.Clean(line) != line {
		t.Fatalf("%q: the line %q is not safe", b, line)
	}
	if problem != nil {
		return
	}
	for line := range strings.Lines(got) {
		if line = strings.TrimSuffix(line, "\n"); safetext.Clean(line) != line {
			t.Fatalf("%q: the line %q is not safe", b, line)
		}
	}
	if again, problem := Indent([]byte(got)); problem != nil || again != got {
		t.Fatalf("%q: indented %q, again %q, %v", b, got, again, problem)
	}
	if was, is := values(t, b), values(t, []byte(got)); !reflect.DeepEqual(was, is) {
		t.Fatalf("%q became %q: %v, %v", b, got, was, is)
	}
}

// values returns the tokens of JSON, its numbers as they are written.
func values(t *testing.T, b []byte) []json.Token {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var all []json.Token
	for d.More() || len(all) > 0 && d.InputOffset() < int64(len(bytes.TrimRight(b, " \t\r\n"))) {
		token, err := d.Token()
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		all = append(all, token)
	}
	return all
}

// The size of what is shown rises with that of the payload, however deep it is.
func TestDeepAndLong(t *testing.T) {
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	objects := strings.Repeat(`{"a":1,"b":`, maxDepth) + "1" + strings.Repeat("}", maxDepth)
	for _, payload := range []string{deep, objects, "[" + strings.Repeat("1,", 128<<10) + "1]"} {
		got, problem := Indent([]byte(payload))
		if problem != nil || len(got) > 100*len(payload) {
			t.Errorf("%.20s…: %d bytes became %d, %v", payload, len(payload), len(got), problem)
		}
	}
	for payload, want := range map[string]string{
		"[" + deep + "]":                 "line 1, column 10001: nested deeper than 10000 levels",
		strings.Repeat("[", 256<<10):     "line 1, column 10001: nested deeper than 10000 levels",
		strings.Repeat(`{"a":`, 52<<10):  "line 1, column 50001: nested deeper than 10000 levels",
		"[\n" + strings.Repeat(" ", 1e5): "line 2, column 100001: unexpected end, expected a value or ]",
	} {
		if got := Check([]byte(payload)); got == nil || got.String() != want {
			t.Errorf("%.20s…: %v, want %s", payload, got, want)
		}
	}
}

func FuzzIndent(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c.bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func BenchmarkIndent(b *testing.B) {
	payload := []byte("[" + strings.Repeat(`{"id":1724442618569203714,"room":"k\u00fcche"},`, 5000) + "1]")
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		_, _ = Indent(payload)
	}
}
