package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// payloadsOf returns the payloads of a recording, read by the program.
func payloadsOf(t *testing.T, path string) (all []string, said string) {
	t.Helper()
	cmd := exec.Command("hellox", "watch", path, "--output", "json")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	for line := range bytes.Lines(out.Bytes()) {
		var m struct{ Payload string }
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Payload)
	}
	return all, errs.String()
}

// publishLines publishes the numbers from one to another, a message each.
func publishLines(t *testing.T, broker string, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		if out, err := exec.Command("hellox", "publish", fmt.Sprint(n), "--topic", "load", "--broker", broker).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// A process that is killed while it records leaves everything that it had written, and
// the next run goes on in the same file.
func TestRecordIsKilled(t *testing.T) {
	broker := startBroker(t)
	for _, name := range []string{"run.ndjson", "run.ndjson.zst"} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		watch := startProcess(t, dir, "watch", "watch", broker, "-t", "load", "--output", "json", "--record", path)
		written := func(payload int) func() bool {
			return func() bool {
				log, _ := os.ReadFile(watch.log)
				return strings.Contains(string(log), fmt.Sprintf(`"payload":"%d"`, payload))
			}
		}
		until(t, "watch is connected", func() bool {
			log, _ := os.ReadFile(watch.log)
			return strings.Contains(string(log), "connected")
		})
		publishLines(t, broker, 1, 5)
		until(t, "the fifth message is shown", written(5))
		if err := exec.Command("hellox", "watch", broker, "--record", path).Run(); err == nil {
			t.Error("a second one recorded to the same file")
		}
		watch.kill()
		if got, said := payloadsOf(t, path); fmt.Sprint(got) != "[1 2 3 4 5]" || said != "" {
			t.Errorf("%s: after SIGKILL %v, %q", name, got, said)
		}
		watch.start()
		until(t, "watch is connected again", func() bool {
			log, _ := os.ReadFile(watch.log)
			return strings.Count(string(log), "connected\n") == 2
		})
		publishLines(t, broker, 6, 7)
		until(t, "the seventh message is shown", written(7))
		if err := watch.term(); err == nil {
			t.Error("watch ended with 0 by SIGTERM")
		}
		if got, said := payloadsOf(t, path); fmt.Sprint(got) != "[1 2 3 4 5 6 7]" || said != "" {
			t.Errorf("%s: of both runs %v, %q", name, got, said)
		}
		log, _ := os.ReadFile(watch.log)
		if !strings.Contains(string(log), "recorded 2 messages, ") {
			t.Errorf("it does not say what was recorded:\n%s", log)
		}
	}
}

// A full disk ends the recording, which is said once, and watching goes on.
func TestRecordOnAFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		needed(t, "root, to mount a small tmpfs")
	}
	full := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=8k", "none", full).Run(); err != nil {
		t.Skipf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", full).Run() })
	broker := startBroker(t)
	path := filepath.Join(full, "run.ndjson")
	dir := t.TempDir()
	watch := startProcess(t, dir, "watch", "watch", broker, "-t", "load", "--output", "json", "--record", path)
	said := func(text string) func() bool {
		return func() bool {
			log, _ := os.ReadFile(watch.log)
			return strings.Contains(string(log), text)
		}
	}
	until(t, "watch is connected", said("connected"))
	for n := range 10 {
		text := fmt.Sprintf("%d %s", n, strings.Repeat("x", 2000))
		if out, err := exec.Command("hellox", "publish", text, "--topic", "load", "--broker", broker).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	until(t, "the last message is shown", said(`"payload":"9 x`))
	_ = watch.term()
	log, _ := os.ReadFile(watch.log)
	if n := strings.Count(string(log), "no space left on device; the stream goes on"); n != 1 {
		t.Errorf("the full disk was told %d times:\n%s", n, log)
	}
	if got, said := payloadsOf(t, path); len(got) == 0 || len(got) == 10 || said != "" {
		t.Errorf("%d messages are recorded, %q", len(got), said)
	}
}
