package main

import (
	"strings"
	"testing"
)

// TestBroadcastTotal tries shares of a fleet that cannot be.
func TestBroadcastTotal(t *testing.T) {
	for line, says := range map[string]string{
		"broadcast --id broadcast-1 --total 1000 --count 2": "--count and --total do not go together",
		"broadcast --id press --total 1000":                 "which share of the fleet is this process's",
		"broadcast --id press-01 --total 1000":              "which share of the fleet is this process's",
		"broadcast --id press-1 --total -5":                 "from 0 to 1000000",
		"broadcast --id press-1 --total 99999999999":        "from 0 to 1000000",
	} {
		var out strings.Builder
		sh := shell{in: strings.NewReader(""), out: &out, err: &out, env: func(string) (string, bool) { return "", false }}
		if got := run(t.Context(), strings.Fields(line), sh); got != exitUsage || !strings.Contains(out.String(), says) {
			t.Errorf("hellox %s: exit %d: %s", line, got, out.String())
		}
	}
}
