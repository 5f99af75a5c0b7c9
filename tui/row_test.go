package tui

import (
	"strings"
	"testing"

	"hellox/stream"
	"hellox/tui/cells"
)

func TestRowText(t *testing.T) {
	for payload, want := range map[string]string{
		"":                              "(empty)",
		`{"room":"\u041a\u0443\u0445"}`: `{"room":"Кух"}`,
		`C:\u00fc`:                      `C:\u00fc`,
		`["` + strings.Repeat(`\u00fc`, 100) + `"]`:                    `["` + strings.Repeat("ü", 17) + "…",
		`["` + strings.Repeat(`e\u0301\u0302\u0303\u0304`, 100) + `"]`: `["` + strings.Repeat("e\u0301\u0302\u0303\u0304", 17) + "…",
		`["e` + strings.Repeat(`\u0301`, 1000) + `"]`:                  "[\"e\u0301\u0301\u0301\u0301‹+163 marks›\\u0…",
	} {
		got := text(&stream.Message{Payload: []byte(payload)}, 20)
		if got != want || cells.Width(got) > 20 {
			t.Errorf("%.40q is shown as %q in %d cells, want %q", payload, got, cells.Width(got), want)
		}
	}
}
