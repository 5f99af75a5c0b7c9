package bootstrap_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/install"
	"hellox/bootstrap/portforward"
)

func testForward(t *testing.T, r *rig, inst space, here *installed) {
	// What one side has sent is answered after it has ended its stream.
	c, err := net.Dial("tcp", here.MQTT.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "echo")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if heard, err := io.ReadAll(c); err != nil || string(heard) != "echo" {
		t.Errorf("half-closed: heard %q, %v", heard, err)
	}

	// A reader that has stopped does not hold up the others.
	stalled, err := net.Dial("tcp", here.Web.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	fmt.Fprint(stalled, "GET /bytes/1000000000 HTTP/1.0\r\n\r\n")
	if _, err := io.ReadFull(stalled, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	const size = 50 << 20
	if got := page(t, here.Web, fmt.Sprintf("/bytes/%d", size)); len(got) != size {
		t.Errorf("got %d bytes of %d", len(got), size)
	}
	t.Logf("50 MiB beside a stalled reader: %s", time.Since(began))

	// Connections to a port without a listener are reset, and the forward
	// stays.
	dead := forward(t, r.cluster, inst.Namespace, install.RoleReceive, 4711)
	defer dead.Close()
	for range 3 {
		c, err := net.Dial("tcp", dead.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a dead port: read %d, %v; want a reset", n, err)
		}
		c.Close()
	}
	var laps []time.Duration
	for range 20 {
		began := time.Now()
		page(t, here.Web, "/")
		laps = append(laps, time.Since(began))
	}
	slices.Sort(laps)
	t.Logf("a page on a connection of its own: median %s, slowest %s", laps[10], laps[19])

	// A deleted pod's successor is found.
	old := page(t, here.Web, "/pod")
	if old != onePod(t, inst, install.RoleReceive) {
		t.Fatalf("the pod calls itself %q", old)
	}
	deletePod(t, inst, install.RoleReceive)
	began = time.Now()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for now := old; now == old; {
		if time.Since(began) > 30*time.Second {
			t.Fatal("the forward does not find the new pod")
		}
		resp, err := client.Get("http://" + here.Web.Addr() + "/pod")
		if err != nil {
			continue // the connection was to the old pod
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			now = string(body)
		}
	}
	t.Logf("after its pod was deleted the page was that of the new one in %s", time.Since(began))
}

// The API server's proxy dials the pod's address, as another pod would.
func testLoopback(t *testing.T, inst space) {
	proxied := func(role string, port int, path string) error {
		target := fmt.Sprintf("%s:%d", onePod(t, inst, role), port)
		return inst.client.REST.Get().AbsPath("/api/v1/namespaces", inst.Namespace, "pods", target, "proxy", path).Do(t.Context()).Error()
	}
	if err := proxied(install.RoleReceive, 9000, "healthz"); err != nil {
		t.Errorf("the ops port is not reached, so the rest proves nothing: %v", err)
	}
	for role, port := range map[string]int{install.RoleReceive: portforward.PortWeb, install.RoleBroker: portforward.PortMQTT} {
		if err := proxied(role, port, ""); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("port %d of %s, from outside the pod: %v; want it refused", port, role, err)
		}
	}
}
