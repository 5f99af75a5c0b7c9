package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hellox/stream"
)

// move moves the installation in a namespace to a size, while its broadcasters publish. The
// up is killed once it has said something; the next one, which is not told of the size, ends
// the move. What there was is as it was, and nothing that was acknowledged is missing.
func (r *kindRig) move(t *testing.T, namespace, size, killAt, moved string) {
	t.Helper()
	r.forwarded(t, namespace)
	mark := r.newest()
	until(t, "messages are stored before the move", func() bool { return r.newest() > mark+100 })
	before := r.messages(t, 0, nil)
	mark = before[len(before)-1].ID
	up := r.up("--namespace", namespace, "--web-port", "0", "--mqtt-port", "0")
	killed := r.foreground(t, r.program(r.hellox, append(up, "--cluster-size", size)...))
	killed.wait(t, killAt)
	killed.cmd.Process.Kill()
	<-killed.done
	_, said := r.run(t, up...)
	said = killed.said(t) + said
	t.Log(said)
	contains(t, "up --cluster-size "+size, said, "the history moves", "what the broker retains", "both sides are equal", moved)
	r.forwarded(t, namespace)
	until(t, "messages are stored after the move", func() bool { return r.newest() > mark })
	var after []stream.Message
	until(t, "each sender is heard after the move", func() bool {
		heard := map[string]bool{}
		after = r.messages(t, 0, nil)
		for i := range after {
			if m := &after[i]; m.Ours && m.ID > mark {
				heard[m.Sender] = true
			}
		}
		return !slices.ContainsFunc(before, func(m stream.Message) bool { return m.Ours && !heard[m.Sender] })
	})
	if d := cmp.Diff(before, after[:min(len(before), len(after))]); d != "" {
		t.Errorf("the history has changed by the move: %s", d)
	}
	checkNoGaps(t, after)
	starts := map[string]string{}
	for i := range after {
		if m := &after[i]; m.Ours && starts[m.Sender] == "" {
			if starts[m.Sender] = m.Boot; m.Seq != 1 {
				t.Errorf("the first message of %s is number %d", m.Sender, m.Seq)
			}
		} else if m.Ours && starts[m.Sender] != m.Boot {
			t.Fatalf("%s was started anew, and may have lost what it kept", m.Sender)
		}
	}
	if left := r.kubectl(t, "-n", namespace, "get", "jobs", "-o", "name"); left != "" {
		t.Errorf("left of the move: %s", left)
	}
	claims := r.kubectl(t, "-n", namespace, "get", "persistentvolumeclaims", "-o", "name")
	if old := map[string]string{"1": "streams", "3": "data"}[size]; strings.Contains(claims, "/"+old) {
		t.Errorf("after the move to %s there are %s", size, claims)
	}
}

// forwarded notes where page and broker of a namespace are on this machine.
func (r *kindRig) forwarded(t *testing.T, namespace string) {
	t.Helper()
	forward := r.status(t, namespace).Forward
	r.page, r.mqtt = forward.Web, forward.MQTT
}
