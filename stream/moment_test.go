package stream

import (
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, zone)
	for in, want := range map[string]time.Time{
		"5m":                          now.Add(-5 * time.Minute),
		"0s":                          now,
		"1d":                          now.Add(-24 * time.Hour),
		"2d12h":                       now.Add(-60 * time.Hour),
		"2026-11-28":                  time.Date(2026, 11, 28, 0, 0, 0, 0, zone),
		"2026-11-27T01:00:00Z":        time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC),
		"2026-11-27T01:00:00.5+01:00": time.Date(2026, 11, 27, 0, 0, 0, 5e8, time.UTC),
	} {
		if got, err := ParseMoment(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "d", "-1d", "+1d", "1.5d", "1d-2h", "1d12", "1dd", "200000d", "106751d24h", "-5m", "2026-13-01", "2026-11-28T", "28.11.2026", "yesterday"} {
		if got, err := ParseMoment(in, now); err == nil {
			t.Errorf("%q is taken for %v", in, got)
		}
	}
}
