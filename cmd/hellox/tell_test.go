package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hellox/history"
	"hellox/stream"
)

// What a broadcaster is told is seen at once: by the API, and so by page, terminal
// and status. A receiver without its broker knows no state, and every one again
// once the broker is back.
func TestTellIsSeen(t *testing.T) {
	dir, at, page := t.TempDir(), freeAddress(t), freeAddress(t)
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+at, "--store", filepath.Join(dir, "store"))
	startProcess(t, dir, "receive", "receive", "--broker", "mqtt://"+at, "--listen", page, "--history", "memory:")
	startProcess(t, dir, "broadcast", "broadcast", "--broker", "mqtt://"+at, "--id", "press", "--min", "50ms", "--max", "250ms")
	sender := func(name string) (s stream.Sender) {
		var answer struct {
			Senders []stream.Sender `json:"senders"`
		}
		if get("http://"+page+"/api/senders", &answer) == nil {
			for _, one := range answer.Senders {
				if one.Sender == name {
					s = one
				}
			}
		}
		return s
	}
	is := func(name string, want stream.State) {
		t.Helper()
		until(t, name+" is "+string(want), func() bool { return sender(name).State == want })
	}
	tell := func(words ...string) string {
		t.Helper()
		b, err := exec.Command("hellox", append([]string{"tell", "--broker", "mqtt://" + at, "press"}, words...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tell %s: %v: %s", words, err, b)
		}
		return string(b)
	}
	is("press", stream.OnTime)
	if said := tell("pause"); !strings.Contains(said, "press: ok, paused (a message every 50ms to 250ms once resumed)") {
		t.Errorf("pause: %s", said)
	}
	is("press", stream.Paused)
	if said := tell("say", "hi"); !strings.Contains(said, `ok, said "hi"; paused`) {
		t.Errorf("say: %s", said)
	}
	tell("resume")
	is("press", stream.OnTime)
	tell("interval", "100ms", "300ms")
	until(t, "a new histogram", func() bool {
		var answer struct {
			All history.Intervals `json:"all"`
		}
		return get("http://"+page+"/api/stats/intervals", &answer) == nil && answer.All.Declared != nil && answer.All.Declared.MaxMS == 300
	})
	if b, err := exec.Command("hellox", "publish", "once", "--topic", "hello_world/env", "--broker", "mqtt://"+at).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	is("hello_world/env", stream.Unknown)

	tell("pause")
	is("press", stream.Paused)
	broker.kill()
	is("press", stream.Unknown)
	broker.start()
	is("press", stream.Paused)
	// The receiver may be there before the broadcaster, which then hears nothing.
	until(t, "the broadcaster is there again", func() bool {
		return exec.Command("hellox", "tell", "--broker", "mqtt://"+at, "press", "resume").Run() == nil
	})
	is("press", stream.OnTime)
	is("hello_world/env", stream.Unknown)
}
