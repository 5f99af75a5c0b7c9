package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
)

// TestRefusalsAreTold has hellox's own clients do what a hellox broker refuses. MQTT
// 3.1.1 tells them little; each says which limit or right it was, as far as it can
// be known.
func TestRefusalsAreTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	passwd := exec.Command("hellox", "broker", "passwd", "alice")
	passwd.Stdin = strings.NewReader("secret\n")
	users, err := passwd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"users": string(users) + strings.Replace(string(users), "alice", "reader", 1), "acl": "read alice open/#\nwrite alice open/%i/#\nread reader hellox/#\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	walled := brokerWith(t, "--users", filepath.Join(dir, "users"), "--acl", filepath.Join(dir, "acl"))
	limited := brokerWith(t, "--max-topic-filters", "2", "--max-retained", "1")
	crowded := brokerWith(t, "--max-connections", "1")
	conn, err := net.Dial("tcp", crowded)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c"); err != nil { // a CONNECT
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	alice := []string{"--user", "alice", "--password", "secret"}
	as := func(args ...string) []string { return append(args, alice...) }
	for _, k := range []struct {
		name, want string
		args       []string
	}{
		{"most connections", "when it has its most connections (--max-connections)", []string{"publish", "x", "--broker", "mqtt://" + crowded}},
		{"no user", "the broker asks for a user name and a password", []string{"publish", "x", "--broker", "mqtt://" + walled}},
		{"no user", "the broker asks for a user name and a password", []string{"broadcast", "--broker", "mqtt://" + walled}},
		{"wrong password", `does not know the user "alice" with this password`, []string{"watch", "mqtt://" + walled, "--user", "alice", "--password", "x"}},
		{"a topic", "this client may not publish on that topic", as("publish", "x", "--broker", "mqtt://"+walled, "--topic", "open/bob/x")},
		{"a topic, QoS 0", "this client may not publish on that topic", as("publish", "x", "--broker", "mqtt://"+walled, "--topic", "open/bob/x", "--qos", "0")},
		{"a topic, hint", "hint: what a user may publish is in the broker's ACL", as("publish", "x", "--broker", "mqtt://"+walled, "--topic", "open/bob/x")},
		{"a topic filter", "this client may not subscribe to that topic filter", as("watch", "mqtt://"+walled, "--topic", "secret/#")},
		{"all topics", "hint: watch -t 'hello_world/#' asks for less than all topics; what a user may read is in the broker's ACL (--acl)", as("watch", "mqtt://"+walled)},
		{"a command", "hint: what a user may publish is in the broker's ACL", []string{"tell", "broadcast-0", "pause", "--broker", "mqtt://" + walled, "--user", "reader", "--password", "secret"}},
		{"answers", "hint: what a user may read is in the broker's ACL (--acl)", as("tell", "broadcast-0", "pause", "--broker", "mqtt://"+walled)},
		{"a last will", "or not with a last will on hellox/presence/x", as("broadcast", "--broker", "mqtt://"+walled, "--id", "x")},
		{"a reserved client ID", "to the user of role receive only", as("publish", "x", "--broker", "mqtt://"+walled, "--client-id", "hellox-receive")},
		{"a client ID of two levels", "takes none with / + # $", as("watch", "mqtt://"+walled, "--client-id", "a/b")},
		{"topic filters", "a session has at most 2 topic filters", []string{"watch", "mqtt://" + limited, "-t", "a", "-t", "b", "-t", "c"}},
		{"levels", "topic has 17 levels; at most 16", []string{"publish", "x", "--broker", "mqtt://" + limited, "--topic", strings.Repeat("a/", 16) + "a"}},
		{"retained", "delivered, but not retained: the broker has its most retained messages", []string{"publish", "x", "--broker", "mqtt://" + limited, "--topic", "second", "--retain"}},
		{"retained", "delivered, but not retained: the broker has its most retained messages", []string{"publish", "x", "--broker", "mqtt://" + limited, "--topic", "second", "--retain", "--qos", "0"}},
		{"retained", "the presence is not retained", []string{"broadcast", "--broker", "mqtt://" + limited, "--id", "x"}},
	} {
		t.Run(k.name+", "+k.args[0], func(t *testing.T) {
			if k.name == "retained" {
				if out, err := exec.Command("hellox", "publish", "x", "--broker", "mqtt://"+limited, "--topic", "first", "--retain").CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			tells(t, k.want, k.args...)
		})
	}
}

// brokerWith runs a broker until the test ends and returns its address.
func brokerWith(t *testing.T, flags ...string) string {
	t.Helper()
	address := freeAddress(t)
	cmd := exec.Command("hellox", append([]string{"broker", "--listen", "mqtt://" + address}, flags...)...)
	cmd.Env = append(os.Environ(), runtest.Variable())
	runtest.Bind(cmd)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), "broker ready") {
				ready <- true
			}
		}
		close(ready)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	select {
	case ok := <-ready:
		if !ok {
			t.Fatal("the broker has ended")
		}
	case <-time.After(time.Minute):
		t.Fatal("the broker is not ready")
	}
	return address
}

// tells runs a command until it has said want, and fails if it ends before.
func tells(t *testing.T, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "hellox", args...)
	cmd.Env = append(os.Environ(), runtest.Variable())
	runtest.Bind(cmd)
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if strings.Contains(strings.ReplaceAll(lines.Text(), `\"`, `"`), want) {
			cancel()
			return
		}
	}
	t.Errorf("hellox %s does not say %q:\n%s", strings.Join(args, " "), want, all.String())
}
