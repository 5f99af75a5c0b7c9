//go:build unix

package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hellox/cmd/hellox/output"
)

// TestEventsAgreeWithSchema holds every event of real runs without a cluster to the
// schema: an up that succeeds, one of what is up, one that fails, and a down.
func TestEventsAgreeWithSchema(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	up := []string{"up", "--target", "local", "--web-port", "0", "--mqtt-port", "0", "--output", "json"}
	begun := func(name string, want ...output.State) []upEvent {
		t.Helper()
		args := append(slices.Clone(up), "--detach")
		if name == "down" {
			args = []string{"down", "--target", "local", "--output", "json"}
		}
		out, errs, code := h.command(t, args...)
		all := readEvents(t, out)
		got := slices.DeleteFunc(states(all), func(s output.State) bool { return s == output.StateProgress }) // as it takes
		if code != 0 || !slices.Equal(got, want) {
			t.Errorf("%s: exit %d, states %v, want %v: %s %s", name, code, got, want, out, errs)
		}
		return all
	}
	begun("up", output.StateBegin, output.StateDone, output.StateUp)
	again := begun("up again", output.StateBegin, output.StateDone, output.StateNote, output.StateUp)
	if !again[1].Unchanged || again[1].MS <= 0 || again[len(again)-1].Web == "" {
		t.Errorf("an up of what is up: %+v", again)
	}
	begun("down", output.StateBegin, output.StateDone, output.StateNote)

	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	out, _, code := h.command(t, "up", "--target", "local", "--web-port", port, "--mqtt-port", "0", "--output", "json")
	all := readEvents(t, out)
	if last := all[len(all)-1]; code != exitMissing || last.State != output.StateFailed || !strings.Contains(last.Detail, "port "+port+" is taken") {
		t.Errorf("up with a taken port: exit %d: %s", code, out)
	}
}

// TestDoctor judges this machine as text and as JSON, which agrees with its schema,
// without programs of clusters; then with a record that is damaged, which fails it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	out, errs, code := h.command(t, "doctor")
	if code != 0 || !strings.Contains(out, "state folder: ") || !strings.Contains(out, "ok    up: takes this process, without a cluster") {
		t.Errorf("doctor: exit %d: %s%s", code, out, errs)
	}
	h.up(t, "hellox")
	record := filepath.Join(string(h.dir("torn")), "record.json")
	if err := os.MkdirAll(filepath.Dir(record), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(record, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code = h.command(t, "doctor", "--output", "json")
	var plain any
	if err := json.Unmarshal([]byte(out), &plain); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if err := schema(t, "doctor.schema.json").VisitJSON(plain); err != nil {
		t.Errorf("docs/doctor.schema.json: %v", err)
	}
	if code != exitMissing || !strings.Contains(out, `{"check":"local · torn","verdict":"fail"`) || !strings.Contains(out, `{"check":"local · hellox","verdict":"ok","detail":"held by process `) {
		t.Errorf("doctor with a damaged record: exit %d: %s%s", code, out, errs)
	}
}
