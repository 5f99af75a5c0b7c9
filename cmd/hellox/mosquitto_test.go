package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"hellox/bootstrap/run/runtest"
	"hellox/stream"
	"hellox/stream/mqtt"
)

// startMosquitto runs a mosquitto and returns its URL. Without more settings it is
// a stock one.
func startMosquitto(t *testing.T, settings ...string) string {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path = "/usr/sbin/mosquitto"; !exists(path) {
			needed(t, "mosquitto")
		}
	}
	dir := t.TempDir()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(append(settings, "allow_anonymous true", "listener "+port+" 127.0.0.1", ""), "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-c", conf)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	runtest.Bind(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("mosquitto:\n%s", log.Bytes())
		}
	})
	return "mqtt://" + address
}

// dialSoon connects to a broker that is being started.
func dialSoon(t *testing.T, url string) *mqtt.Conn {
	t.Helper()
	broker, err := mqtt.ParseBroker(url)
	if err != nil {
		t.Fatal(err)
	}
	var conn *mqtt.Conn
	until(t, "the broker listens", func() bool {
		conn, err = mqtt.Dial(t.Context(), mqtt.DialOptions{Broker: broker})
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// watched runs watch until n messages came, and returns them.
func watched(t *testing.T, n int, words ...string) []stream.Message {
	t.Helper()
	all, _ := watchedPeak(t, n, words...)
	return all
}

// watchedPeak is watched, and returns the peak of watch's resident memory in bytes
// as well, or 0 where the system does not tell.
func watchedPeak(t *testing.T, n int, words ...string) (all []stream.Message, peak int64) {
	t.Helper()
	words = append([]string{"watch", "--output", "json", "--count", strconv.Itoa(n), "--for", "5m"}, words...)
	var stderr bytes.Buffer
	cmd := exec.Command("hellox", words...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("hellox %s: %v\n%s", strings.Join(words, " "), err, stderr.Bytes())
	}
	for line := range bytes.Lines(out) {
		var m stream.Message
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all, peakMemory(cmd.ProcessState)
}

// TestMosquittoRetained holds that watch shows all retained messages of a stock
// mosquitto, which sends a subscriber of QoS 1 no more than 1,020 of them.
func TestMosquittoRetained(t *testing.T) {
	url := startMosquitto(t)
	conn := dialSoon(t, url)
	const count = 3000
	for i := range count {
		if err := conn.Publish(t.Context(), fmt.Sprintf("disco/sensor/d%04d/config", i), []byte("x"), 1, true); err != nil {
			t.Fatal(err)
		}
	}
	topics := map[string]bool{}
	for _, m := range watched(t, count, url) {
		topics[m.Topic] = true
		if !m.Retained {
			t.Errorf("%s is not retained", m.Topic)
		}
	}
	if len(topics) != count {
		t.Errorf("%d topics of %d", len(topics), count)
	}
}

// TestMosquittoQoS holds that the QoS shown is the one a message was delivered with.
func TestMosquittoQoS(t *testing.T) {
	url := startMosquitto(t)
	conn := dialSoon(t, url)
	for qos := range byte(3) {
		if err := conn.Publish(t.Context(), fmt.Sprintf("a/%d", qos), []byte("x"), qos, true); err != nil {
			t.Fatal(err)
		}
	}
	for asked := range byte(3) {
		words := []string{url, "--qos", strconv.Itoa(int(asked))}
		if asked == 0 {
			words = words[:1] // the default
		}
		got := map[string]byte{}
		for _, m := range watched(t, 3, words...) {
			got[m.Topic] = m.QoS
		}
		for sent := range byte(3) {
			if topic := fmt.Sprintf("a/%d", sent); got[topic] != min(sent, asked) {
				t.Errorf("subscribed at QoS %d: %s has QoS %d", asked, topic, got[topic])
			}
		}
	}
	if got := watched(t, 1, url, "--qos", "2", "--filter", "qos=2"); len(got) != 1 || got[0].Topic != "a/2" {
		t.Errorf("qos=2 selects %v", got)
	}
}

// TestMosquittoLinesHoldNothing holds that watch without a screen holds no
// messages in memory: 50 MiB of them cost it less than half of that.
func TestMosquittoLinesHoldNothing(t *testing.T) {
	url := startMosquitto(t, "max_queued_messages 0") // of what one write to a socket does not take
	conn := dialSoon(t, url)
	const count, size = 2500, 20 << 10
	payload := bytes.Repeat([]byte("x"), size)
	for i := range count {
		if err := conn.Publish(t.Context(), fmt.Sprintf("a/%04d", i), payload, 1, true); err != nil {
			t.Fatal(err)
		}
	}
	_, one := watchedPeak(t, 1, url)
	if one == 0 {
		t.Skip("needs a system that tells a process's peak of memory")
	}
	all, peak := watchedPeak(t, count, url)
	if len(all) != count || peak-one > count*size/2 {
		t.Errorf("%d messages, and %d MiB more than for one message", len(all), (peak-one)>>20)
	}
}
