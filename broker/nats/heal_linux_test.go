package nats_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// TestFullDisk fills the disk of a node alone: nothing is acknowledged meanwhile, and
// when there is room it goes on by itself with all that was.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("a short run is that of the race detector: nats-server v2.15.2 writes its jetStream.apiSubs where JetStream is enabled again, while its MQTT sessions read it")
	}
	disk := t.TempDir()
	if err := syscall.Mount("hellox-test", disk, "tmpfs", 0, "size=64m"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the right to mount a tmpfs is missing: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	o := options(t)
	o.Store, o.Keep = filepath.Join(disk, "store"), 8<<20
	n := run(t, o)
	n.ready(t)
	reader := mustDial(t, n.Node, "reader", func(o *paho.ClientOptions) { o.SetCleanSession(false) })
	wait(t, reader.Subscribe("hello_world/#", 1, func(paho.Client, paho.Message) {}))
	reader.Disconnect(0)
	acknowledged := map[string]bool{}
	publish := func() bool {
		c, err := dial(t, n.Node, "writer", func(o *paho.ClientOptions) { o.SetConnectTimeout(time.Second) })
		if err != nil {
			return false
		}
		defer c.Disconnect(0)
		text := fmt.Sprint(len(acknowledged))
		token := c.Publish("hello_world/a", 1, false, text)
		if !token.WaitTimeout(time.Second) || token.Error() != nil {
			return false
		}
		acknowledged[text] = true
		return true
	}
	until(t, "a message is acknowledged", publish)
	filler := fill(t, disk)
	until(t, "none is acknowledged", func() bool { return !publish() })
	until(t, "the log tells why", func() bool {
		return strings.Contains(n.log.String(), "stores nothing until its folder can be written to again")
	})
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, "a message is acknowledged again", publish)
	got := make(chan string, 10_000)
	mustDial(t, n.Node, "reader", func(o *paho.ClientOptions) {
		o.SetCleanSession(false).SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) })
	})
	for len(acknowledged) > 0 {
		select {
		case text := <-got:
			delete(acknowledged, text)
		case <-time.After(time.Minute):
			t.Fatalf("%d acknowledged messages are not there", len(acknowledged))
		}
	}
}

// fill uses up every byte of the disk at dir with a file.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return f.Name()
}
