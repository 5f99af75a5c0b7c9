package broker

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// peer returns the path of a foreign client.
func peer(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%s is not here: %v", name, err)
	}
	return path
}

// pythonWithPaho finds a python3 that has paho.mqtt: the first on the PATH may
// be one of its own that the system's packages are not for. "": there is none.
func pythonWithPaho() string {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import paho.mqtt.client").Run() == nil {
			return python
		}
	}
	return ""
}

// The original apps speak MQTT 5 without credentials, beyond loopback.
func TestOriginalApps(t *testing.T) {
	b := start(t, Options{Insecure: true, Listeners: []Listener{{Net: listenLoopback(t)}}})
	host, port, err := net.SplitHostPort(b.Addr(0).String())
	if err != nil {
		t.Fatal(err)
	}
	const topic = "hello_world/broadcast"
	python := fmt.Sprintf(`
import paho.mqtt.client as mqtt
try:
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, protocol=mqtt.MQTTv5)
except AttributeError:
    c = mqtt.Client(protocol=mqtt.MQTTv5)
c.connect(%q, %s)
c.loop_start()
c.publish(%q, "Hello world", qos=1).wait_for_publish()
c.disconnect()
`, host, port, topic)
	for _, k := range []struct {
		name    string
		command []string
	}{
		{"mosquitto_pub 5", []string{"mosquitto_pub", "-V", "mqttv5", "-h", host, "-p", port, "-q", "2", "-t", topic, "-m", "Hello world"}},
		{"mosquitto_pub 3.1.1", []string{"mosquitto_pub", "-V", "mqttv311", "-h", host, "-p", port, "-q", "1", "-t", topic, "-m", "Hello world"}},
		{"mosquitto_pub 3.1", []string{"mosquitto_pub", "-V", "mqttv31", "-h", host, "-p", port, "-t", topic, "-m", "Hello world"}},
		{"python3-paho-mqtt", []string{pythonWithPaho(), "-c", python}},
	} {
		t.Run(k.name, func(t *testing.T) {
			if k.command[0] == "" {
				if os.Getenv("CI") != "" {
					t.Fatal("no python3 here has paho.mqtt")
				}
				t.Skip("no python3 here has paho.mqtt")
			}
			sub := connect(t, b.Addr(0), hello{id: "sub", v5: true})
			sub.subscribe(1, "hello_world/#")
			if out, err := exec.Command(peer(t, k.command[0]), k.command[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if g := sub.take(); g.payload != "Hello world" || g.topic != topic {
				t.Errorf("got %+v", g)
			}
		})
	}
	t.Run("mosquitto_sub 5", func(t *testing.T) {
		connect(t, b.Addr(0), hello{id: "pub"}).publish(topic, "Hello world", 1, true)
		out, err := exec.Command(peer(t, "mosquitto_sub"), "-V", "mqttv5", "-h", host, "-p", port, "-q", "2", "-t", topic, "-C", "1", "-W", "5").CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != "Hello world" {
			t.Errorf("got %q, %v", out, err)
		}
	})
}
