package filter

import (
	"strings"
	"testing"

	"hellox/stream"
)

func TestValueTerm(t *testing.T) {
	for _, c := range []struct {
		path    Path
		value   string
		isText  bool
		want    string
		payload string // that it is true of
	}{
		{Path{{Name: "temp"}}, "20.50", false, "payload.temp=20.50", `{"temp":20.5}`},
		{Path{{Name: "id"}}, "1724442618569203714", false, "payload.id=1724442618569203714", `{"id":1724442618569203714}`},
		{Path{{Name: "id"}}, "1724442618569203714", true, `payload.id="1724442618569203714"`, `{"id":"1724442618569203714"}`},
		{Path{{Name: "params"}, {Name: "switch:0"}, {Index: 2}}, `say "\`, true, `payload.params."switch:0"[2]="say \"\\"`, `{"params":{"switch:0":[0,1,"say \"\\"]}}`},
		{Path{{Name: "a"}}, "null", false, "payload.a=null", `{"a":null}`},
		{Path{{Name: "a"}}, "", true, `payload.a=""`, `{"a":""}`},
		{nil, "21", false, "payload=21", `21.0`},
		{nil, "ON", true, "", ""},
		{Path{Member("")}, "1", false, "", ""},
		{Path{{Name: "a"}}, strings.Repeat("x", 3000), true, "", ""},
	} {
		got := ValueTerm(c.path, c.value, c.isText)
		if got != c.want {
			t.Errorf("%v, %q: %s, want %s", c.path, c.value, got, c.want)
		}
		if got == "" {
			continue
		}
		f, err := Parse(got)
		if err != nil || !f.Match(&stream.Message{Payload: []byte(c.payload)}) || f.Match(&stream.Message{Payload: []byte(`{"temp":7,"id":1,"a":7}`)}) {
			t.Errorf("%s: %v", got, err)
		}
	}
	if got := ValueTerm(Path{{Name: "id"}}, "1724442618569203714", false); mustParse(t, got).Match(&stream.Message{Payload: []byte(`{"id":1724442618569203713}`)}) {
		t.Error("the last digit is lost")
	}
}

func TestPathText(t *testing.T) {
	if got := (Path{{Name: "a\u202eb"}, {Index: 3}, Member("")}).Text(); got != `payload.a‹U+202E›b[3].""` {
		t.Error(got)
	}
	deep := make(Path, 10_000)
	if got := deep.Text(); len([]rune(got)) != maxPathText || !strings.HasPrefix(got, "payload[0][0]") || !strings.HasSuffix(got, "[0]") {
		t.Errorf("%d characters: %s", len([]rune(got)), got)
	}
}

func TestNumberAt(t *testing.T) {
	v := Path{{Name: "v"}}
	for payload, want := range map[string]string{
		`{"v":1724442618569203714}`: "1724442618569203714",
		`{"v":1e400,"w":2}`:         "1e400",
		`{"v":1,"v":2}`:             "2",
		`{"V":3}`:                   "3",
		`{"v":"4"}`:                 "",
		`{"v":5,"v":"x"}`:           "",
		`{"v":6`:                    "",
		`[7]`:                       "",
	} {
		if got, ok := NumberAt([]byte(payload), v); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %t, want %q", payload, got, ok, want)
		}
	}
	if got, ok := NumberAt([]byte(" 21.5\n"), nil); got != "21.5" || !ok {
		t.Errorf("%q, %t", got, ok)
	}
	if got, ok := NumberAt([]byte(`{"items":[{"id":1},{"id":2}]}`), Path{{Name: "items"}, {Index: 1}, {Name: "id"}}); got != "2" || !ok {
		t.Errorf("%q, %t", got, ok)
	}
}
