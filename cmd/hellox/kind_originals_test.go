package main

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// original is the topic that the first hellos of all were published to.
const original = "hello_world/broadcast"

// testKindOriginals has programs that know nothing of hellox, and speak MQTT 5
// without credentials, publish into it and listen to it.
func testKindOriginals(t *testing.T, r *kindRig) {
	host, port := hostPort(t, r.mqtt)
	const python = `
import sys
import paho.mqtt.client as mqtt
import paho.mqtt.publish as publish
host, port, topic = sys.argv[1:]
publish.single(topic, "Hello world", qos=1, hostname=host, port=int(port), protocol=mqtt.MQTTv5)
`
	count := func() int { return len(r.messages(t, 0, url.Values{"topic": {original}})) }
	for _, publisher := range [][]string{
		{"mosquitto_pub", "-V", "mqttv5", "-h", host, "-p", port, "-q", "1", "-t", original, "-m", "Hello world"},
		{r.python, "-c", python, host, port, original},
	} {
		before := count()
		r.do(t, r.program(publisher[0], publisher[1:]...))
		until(t, publisher[0]+"'s message is in the history", func() bool { return count() == before+1 })
	}
	for _, m := range r.messages(t, 0, url.Values{"topic": {original}}) {
		if string(m.Payload) != "Hello world" || m.Sender != original || m.Ours {
			t.Errorf("a plain Hello world is kept as %+v", m)
		}
	}
	// From the history, because a terminal that is opened now came too late.
	out, _ := r.run(t, "watch", "--topic", original, "--since", "10m", "-n", "2", "--for", "30s", "--output", "plain")
	if strings.Count(out, "  Hello world") != 2 {
		t.Errorf("the terminal shows of the two publishers:\n%s", out)
	}
	until(t, "the page shows the plain Hello world", func() bool {
		for _, row := range r.browser.rows(t) {
			if row.Sender == original && row.Text == "Hello world" {
				return true
			}
		}
		return false
	})

	sub := begin(t, r.program("mosquitto_sub", "-V", "mqttv5", "-h", host, "-p", port, "-t", original, "-C", "1", "-F", "%p"))
	say := begin(t, r.program(r.hellox, "broadcast", "--broker", r.mqtt, "--payload", "plain", "--topic", original,
		"--id", "original", "--min", "1s", "--max", "1s"))
	if heard := strings.TrimSpace(sub.end(t, time.Minute)); heard != "Hello world" {
		t.Errorf("a subscriber of %s heard %q", original, heard)
	}
	say.kill()
}
