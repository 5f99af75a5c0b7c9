package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCuriousStranger subscribes once to everything with a session that stays,
// and leaves. In a small store what waits for it is soon more than it may hold:
// it ends, and the stream goes on.
func TestCuriousStranger(t *testing.T) {
	sub, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		needed(t, "mosquitto_sub")
	}
	dir := t.TempDir()
	address, page := freeAddress(t), freeAddress(t)
	broker := startProcess(t, dir, "broker", "broker", "--listen", "mqtt://"+address, "--store", filepath.Join(dir, "store"), "--store-limit", "4MiB")
	_, port, _ := strings.Cut(address, ":")
	until(t, "the stranger has been there", func() bool {
		return exec.Command(sub, "-p", port, "-c", "-i", "curious", "-q", "1", "-t", "hello_world/#", "-E").Run() == nil // once it is subscribed
	})
	startProcess(t, dir, "receive", "receive", "--broker", "mqtt://"+address, "--listen", page, "--history", "sqlite:"+filepath.Join(dir, "history.db"))
	startProcess(t, dir, "broadcast", "broadcast", "--broker", "mqtt://"+address, "--count", "50", "--min", "10ms", "--max", "20ms")
	// 300 bytes each: what the receiver has taken would fill the store twice.
	const enough = 20_000
	var stats struct {
		Stored   int
		Degraded string
	}
	until(t, fmt.Sprintf("%d messages are stored", enough), func() bool {
		return get("http://"+page+"/api/stats", &stats) == nil && stats.Stored >= enough
	})
	if stats.Degraded != "" {
		t.Errorf("degraded: %s", stats.Degraded)
	}
	log, err := os.ReadFile(broker.log)
	if err != nil || !strings.Contains(string(log), "session over its quota") || !strings.Contains(string(log), "curious") {
		t.Errorf("the broker's log does not say that the session has ended (%v)", err)
	}
	if strings.Contains(string(log), `"degraded"`) {
		t.Error("the broker was degraded")
	}
}
