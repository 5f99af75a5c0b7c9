package output_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"hellox/cmd/hellox/output"
)

func noEnv(string) (string, bool) { return "", false }

// TestSteps writes a step that is done, a note and a step that fails, for people
// and as JSON.
func TestSteps(t *testing.T) {
	for _, c := range []struct {
		asJSON bool
		want   []string
	}{
		{false, []string{" ✓ 12 objects applied, unchanged ", " • port 1883 is taken", " ◐ broadcast-0: it crashed", " ✗ roll-out: broadcast-0 crashes ", " ◐ 05:01:02 degraded: the disk is full", " ✓ 05:01:02 well again after 12 s: everything is acknowledged", " ◐ 05:01:02 broker-0: it ended", " ✓ 05:01:02 broker-0 is well again after 3 s"}},
		{true, []string{
			`{"at":"2026-11-29T05:01:02.000000000Z","step":"apply","state":"begin"}`,
			`{"at":"2026-11-29T05:01:03.000000000Z","step":"apply","state":"progress","detail":"3 of 12","ms":1000}`,
			`{"at":"2026-11-29T05:01:04.000000000Z","step":"apply","state":"done","detail":"12 objects applied","unchanged":true,"ms":2000}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","state":"note","detail":"port 1883 is taken"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","step":"roll-out","state":"begin"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","step":"roll-out","state":"warning","detail":"broadcast-0: it crashed"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","step":"roll-out","state":"failed","detail":"broadcast-0 crashes"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","state":"degraded","detail":"the disk is full"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","state":"recovered","detail":"well again after 12 s: everything is acknowledged","ms":12000}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","state":"warning","detail":"broker-0: it ended"}`,
			`{"at":"2026-11-29T05:01:02.000000000Z","state":"recovered","detail":"broker-0 is well again after 3 s","ms":3000}`,
		}},
	} {
		var out, errs bytes.Buffer
		s := output.NewSteps(&out, &errs, noEnv, c.asJSON)
		now := time.Date(2026, 11, 29, 5, 1, 2, 0, time.UTC)
		s.SetClock(func() time.Time { return now })
		s.Begin("apply")
		now = now.Add(time.Second)
		s.Progress("3 of 12")
		s.Progress("3 of 12")
		now = now.Add(time.Second)
		s.Done("12 objects applied", true)
		now = now.Add(-2 * time.Second)
		s.Progress("no step is under way: this is not shown")
		s.Note("port 1883 is taken")
		s.Begin("roll-out")
		s.Warn("broadcast-0: it\n crashed")
		s.Fail(errors.New("broadcast-0\n crashes"))
		s.Fail(errors.New("no step is under way: this is not shown"))
		s.Degraded("the disk is full")
		s.Recovered(12 * time.Second)
		s.Failing("broker-0", "it ended")
		s.Well("broker-0", 3*time.Second)
		written, other := errs.String(), out.String()
		if c.asJSON {
			written, other = other, written
		}
		lines := strings.Split(strings.TrimSuffix(written, "\n"), "\n")
		if len(lines) != len(c.want) || other != "" {
			t.Fatalf("JSON %v: wrote %q, and %q to the other stream", c.asJSON, lines, other)
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("JSON %v: line %d is %q, want %q first", c.asJSON, i+1, lines[i], want)
			}
		}
	}
}
