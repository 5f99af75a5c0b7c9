package main

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/stream"
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

// hello is a program of the kind that the first hellos came from: it knows a host, a port
// and a topic, no TLS and no password. Told to, it listens.
const hello = `
import sys, time
import paho.mqtt.client as mqtt
try:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
except AttributeError:
    client = mqtt.Client(protocol=mqtt.MQTTv5)
client.on_message = lambda c, u, m: print("received", m.payload.decode(), "on", m.topic, flush=True)
client.on_disconnect = lambda *why: print("disconnected:", *why[2:], flush=True)
client.connect_async("broker", 1883)
client.on_connect = lambda c, *ignored: c.subscribe("hello_world/broadcast", qos=1) if "listen" in sys.argv else None
client.loop_start()
while True:
    time.sleep(1)
    if "listen" not in sys.argv:
        client.publish("hello_world/broadcast", "Hello world", qos=1)
`

// helloPods are two such programs in pods of the installation.
const helloPods = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - {name: NAME, image: hello, args: [NAME], securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}
`

// testKindPlain has such programs in pods beside an installation with the component plain:
// both come in, and status warns of what that means.
func testKindPlain(t *testing.T, r *kindRig) {
	const namespace = "hellox-plain"
	dir := filepath.Join(r.dir, "plain")
	r.run(t, "manifests", "--eject", dir)
	for name, text := range map[string]string{
		"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [base, hello.yaml]\ncomponents: [components/plain]\n",
		"hello.yaml":         strings.ReplaceAll(helloPods, "NAME", "say") + "---" + strings.ReplaceAll(helloPods, "NAME", "listen"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	selected := []string{"--target", "kind", "--profile", r.cluster, "--namespace", namespace}
	image := r.pythonImage(t, "hello", hello)
	_, said := r.run(t, append([]string{"up", "--kustomize", dir, "--build", "hello=" + image, "--web-port", "0", "--mqtt-port", "0", "--detach"}, selected...)...)
	t.Log(said)
	r.run(t, append([]string{"watch", "-n", "2", "--for", "1m", "--output", "json", "--topic", original}, selected...)...)
	until(t, "the program that listens hears the one that speaks", func() bool {
		return strings.Contains(r.kubectl(t, "-n", namespace, "logs", "deployment/listen"), "received Hello world on "+original)
	})
	until(t, "its words are heard in the node's network", func() bool {
		_, all := r.overhear(t, 2*time.Second, "")
		return bytes.Contains(all, []byte("Hello world"))
	})
	text, _ := r.run(t, append([]string{"status"}, selected...)...)
	contains(t, "status", text, "open: the broker has no TLS, and any pod reads and writes everything (component plain)")
	t.Log(text)
	testKindFromPlain(t, r, namespace, selected)
	r.run(t, append([]string{"down"}, selected...)...)
}

// testKindFromPlain has up bring TLS to an installation that has none: what was stored
// before is there to the byte, and what comes after is heard by TLS alone.
func testKindFromPlain(t *testing.T, r *kindRig, namespace string, selected []string) {
	t.Helper()
	page := r.page
	defer func() { r.page = page }()
	r.page = r.status(t, namespace).Forward.Web
	var plain []stream.Message
	until(t, "a broadcaster is heard without TLS", func() bool {
		plain = r.messages(t, 0, nil)
		return slices.ContainsFunc(plain, func(m stream.Message) bool { return m.Ours })
	})
	starts, originals := map[string]bool{}, 0
	for _, m := range plain {
		if m.Topic == original {
			originals++
		}
		if m.Ours {
			starts[m.Boot] = true
		}
	}
	if originals == 0 || len(starts) == 0 {
		t.Fatalf("before, without TLS, there are %d messages of other programs and %d starts of broadcasters", originals, len(starts))
	}
	r.run(t, append([]string{"up", "--detach"}, selected...)...)
	now := r.status(t, namespace)
	if now.Pods == nil || now.Pods.Open {
		t.Errorf("after an up with TLS status tells %+v", now.Pods)
	}
	r.page = now.Forward.Web
	until(t, "a broadcaster that began with TLS is heard", func() bool {
		return slices.ContainsFunc(r.messages(t, plain[len(plain)-1].ID, nil), func(m stream.Message) bool { return m.Ours && !starts[m.Boot] })
	})
	all := r.messages(t, 0, nil)
	for i, m := range plain {
		if i >= len(all) || !reflect.DeepEqual(all[i], m) {
			t.Fatalf("message %d from before TLS is not what it was; of %d there are %d at all:\n%+v", m.ID, len(plain), len(all), m)
		}
	}
	checkNoGaps(t, all)
	t.Logf("%d messages from before TLS are as they were, %d of them of other programs", len(plain), originals)
	r.hearsByTLS(t, namespace, selected)
}

// hearsByTLS listens to one broadcaster in the node's network while the history stores
// what it says, and knocks at the broker's port without TLS.
func (r *kindRig) hearsByTLS(t *testing.T, namespace string, selected []string) {
	t.Helper()
	r.run(t, append([]string{"tell", "broadcast-0", "interval", "50ms", "50ms"}, selected...)...)
	mark := r.newest()
	address := r.kubectl(t, "-n", namespace, "get", "pod", "broadcast-0", "-o", "jsonpath={.status.podIP}")
	packets, heard := r.overhear(t, 3*time.Second, address)
	until(t, "what was said meanwhile is stored", func() bool { return r.newest() >= mark+10 })
	records := bytes.Count(heard, []byte{23, 3, 3}) // application data of TLS, RFC 8446, 5.2
	if records < 10 {
		t.Errorf("%d packets of broadcast-0 to and from the broker have %d records of TLS, want 10 at least", packets, records)
	}
	for _, word := range []string{"Hello", "hello_world", `"seq"`, "MQTT"} {
		if n := bytes.Count(heard, []byte(word)); n > 0 {
			t.Errorf("after an up with TLS %q is heard %d times in %d packets", word, n, packets)
		}
	}
	if ports := r.kubectl(t, "-n", namespace, "get", "service", "broker", "-o", "jsonpath={.spec.ports[*].port}"); ports != "8883" {
		t.Errorf("the broker's Service has the ports %s, want 8883 alone", ports)
	}
	d := &door{client: r.client(t), namespace: namespace}
	if c, why := d.connect(t, attempt{plain: true}); c != nil || !strings.Contains(why, "no CONNACK") {
		t.Errorf("without TLS the broker lets in, or answers: %s", why)
	}
	t.Logf("%d packets of broadcast-0 overheard, with %d records of TLS and no word; messages stored meanwhile: %d", packets, records, r.newest()-mark)
}
