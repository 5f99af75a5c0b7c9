package units_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"hellox/stream"
	"hellox/tui/units"
)

// TestExamples holds every function against testdata/units.json, which the
// page's tests read too.
func TestExamples(t *testing.T) {
	b, err := os.ReadFile("testdata/units.json")
	if err != nil {
		t.Fatal(err)
	}
	var examples map[string][]struct {
		Value float64 `json:"value"`
		Text  string  `json:"text"`
	}
	if err := json.Unmarshal(b, &examples); err != nil {
		t.Fatal(err)
	}
	ms := func(format func(time.Duration) string) func(float64) string {
		return func(v float64) string { return format(time.Duration(v * float64(time.Millisecond))) }
	}
	formats := map[string]func(float64) string{
		"count":      func(v float64) string { return units.Count(uint64(v)) },
		"bytes":      func(v float64) string { return units.Bytes(int64(v)) },
		"rate":       units.Rate,
		"delta_ms":   ms(units.Delta),
		"latency_ms": ms(units.Latency),
		"age_ms":     ms(units.Age),
		"elapsed_ms": ms(units.Elapsed),
	}
	if len(examples) != len(formats) {
		t.Errorf("the file has examples of %d formats, want %d", len(examples), len(formats))
	}
	for name, format := range formats {
		if len(examples[name]) == 0 {
			t.Errorf("there are no examples of %s", name)
		}
		for _, e := range examples[name] {
			if got := format(e.Value); got != e.Text {
				t.Errorf("%s of %v is %q, want %q", name, e.Value, got, e.Text)
			}
		}
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		3200 * time.Millisecond: "3.2 s", 99 * time.Second: "99 s", 100 * time.Second: "1 m", 665 * time.Second: "11 m",
		time.Hour: "1 h", 48*time.Hour - 1: "47 h", 48 * time.Hour: "2 d", 999 * 24 * time.Hour: "999 d",
	} {
		if got := units.Brief(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}

func TestNoneIsEmpty(t *testing.T) {
	if s := units.Delta(stream.None) + units.Latency(stream.None); s != "" {
		t.Errorf("no value is written as %q", s)
	}
}
