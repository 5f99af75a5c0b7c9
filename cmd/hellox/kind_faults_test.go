package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"hellox/history"
	"hellox/stream"
)

// testKindPodsDeleted deletes every pod once, and expects the stream to go on
// by itself: in the history, and on the page that has been open all the while.
// Of what the broadcasters' and the receiver's deletion costs nothing may be
// missing: a subscriber of our own broker beside them says what there was.
func testKindPodsDeleted(t *testing.T, r *kindRig) {
	host, port := hostPort(t, r.mqtt)
	witness := begin(t, r.program("mosquitto_sub", "-h", host, "-p", port, "-q", "1", "-t", "hello_world/broadcast/+", "-F", "%p"))
	pods := r.pods(t)
	boots := r.senders()
	first := r.messages(t, 0, nil)[0]

	r.deletePods(t, "broadcast")
	r.goesOn(t, "the broadcasters' pods were deleted")
	for name, s := range r.senders() {
		if s.Boot == boots[name].Boot {
			t.Errorf("%s is said to be the one that was deleted", name)
		}
	}
	r.deletePods(t, "receive")
	r.goesOn(t, "the receiver's pod was deleted")
	// As the kernel does when memory runs out: no goodbye, no last write.
	r.onNode(t, "pkill", "-KILL", "-f", "receive --broker=mqtts://broker.hellox.svc:8883")
	r.goesOn(t, "the receiver was killed")

	kept := r.messages(t, 0, nil)
	if kept[0].ID != first.ID || string(kept[0].Payload) != string(first.Payload) {
		t.Errorf("the history began with message %d and begins with %d", first.ID, kept[0].ID)
	}
	checkNoGaps(t, kept)
	checkFirst(t, kept)
	var stats history.Stats
	if err := get(r.page+"/api/stats", &stats); err != nil || stats.Missed != 0 {
		t.Errorf("%d messages are missed after broadcasters and receiver were deleted (%v)", stats.Missed, err)
	}
	witness.kill()
	checkWitness(t, witness.out.String(), kept)

	r.deletePods(t, "broker")
	r.goesOn(t, "the broker's pod was deleted")
	if err := get(r.page+"/api/stats", &stats); err != nil {
		t.Error(err)
	}
	t.Logf("after the broker's deletion %d messages are missed", stats.Missed)
	for uid, name := range r.pods(t) {
		if pods[uid] != "" {
			t.Errorf("pod %s was not deleted", name)
		}
	}
}

// pods are the names of the installation's pods by their UIDs.
func (r *kindRig) pods(t *testing.T) map[string]string {
	t.Helper()
	pods := make(map[string]string)
	for line := range strings.Lines(r.kubectl(t, "-n", "hellox", "get", "pods", "-o", `jsonpath={range .items[*]}{.metadata.uid} {.metadata.name}{"\n"}{end}`)) {
		uid, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		pods[uid] = name
	}
	return pods
}

// deletePods deletes the role's pods, and waits until they are gone.
func (r *kindRig) deletePods(t *testing.T, role string) {
	t.Helper()
	r.kubectl(t, "-n", "hellox", "delete", "pods", "-l", "app.kubernetes.io/component="+role)
}

// goesOn waits until the history and the page have something from every one of
// the broadcasters asked for that is newer than what happened.
func (r *kindRig) goesOn(t *testing.T, happened string) {
	t.Helper()
	var mark int64
	until(t, "after "+happened+" the history can be read", func() bool {
		mark = r.newest()
		return mark > 0
	})
	asked := r.status(t, "hellox").Broadcasters
	if asked == nil {
		t.Fatal("status does not tell how many broadcasters were asked for")
	}
	var senders map[string]stream.Sender
	defer func() {
		if t.Failed() {
			t.Logf("message %d was the newest; the senders that are there: %+v", mark, senders)
		}
	}()
	until(t, fmt.Sprintf("after %s all %d senders go on", happened, *asked), func() bool {
		senders = r.senders()
		for _, s := range senders {
			if s.LastID <= mark {
				return false
			}
		}
		return len(senders) == *asked
	})
	until(t, "after "+happened+" the page goes on by itself", func() bool { return r.browser.newest(t) > mark })
}

// A said is one hello: who said it since which start, and its number.
type said struct {
	sender, boot string
	seq          uint64
}

// checkNoGaps checks that the ids rise, and that each start of each sender was
// heard without one left out, each once.
func checkNoGaps(t *testing.T, kept []stream.Message) {
	t.Helper()
	numbers := make(map[said][]uint64) // by sender and boot
	for i, m := range kept {
		if i > 0 && m.ID <= kept[i-1].ID {
			t.Errorf("message %d follows %d", m.ID, kept[i-1].ID)
		}
		if m.Ours {
			start := said{sender: m.Sender, boot: m.Boot}
			numbers[start] = append(numbers[start], m.Seq)
		}
	}
	for start, seqs := range numbers {
		slices.Sort(seqs)
		for i := 1; i < len(seqs); i++ {
			if seqs[i] != seqs[i-1]+1 {
				t.Errorf("%s since %s: number %d comes after %d", start.sender, start.boot, seqs[i], seqs[i-1])
			}
		}
	}
	t.Logf("%d messages of %d starts, no gap", len(kept), len(numbers))
}

// checkFirst checks that of each start the first message is there: kept is all that was
// ever stored.
func checkFirst(t *testing.T, kept []stream.Message) {
	t.Helper()
	first := make(map[said]uint64) // by sender and boot
	for _, m := range kept {
		if start := (said{sender: m.Sender, boot: m.Boot}); m.Ours && (first[start] == 0 || m.Seq < first[start]) {
			first[start] = m.Seq
		}
	}
	for start, n := range first {
		if n != 1 {
			t.Errorf("%s since %s: the first number stored is %d", start.sender, start.boot, n)
		}
	}
}

// checkWitness checks that what a subscriber heard is in the history.
func checkWitness(t *testing.T, lines string, kept []stream.Message) {
	t.Helper()
	there := make(map[said]bool)
	for _, m := range kept {
		there[said{m.Sender, m.Boot, m.Seq}] = true
	}
	heard := 0
	all := strings.Split(lines, "\n")
	for _, line := range all[:len(all)-1] { // what follows the last newline was cut off
		h, ok := stream.ParseHello([]byte(line))
		if !ok {
			t.Errorf("mosquitto_sub heard %q, which is no hello of ours", line)
			continue
		}
		heard++
		// What it heard since the history was read need not be in there.
		if last := kept[len(kept)-1].Received; !there[said{h.Sender, h.Boot, h.Seq}] && h.Sent.Before(last.Add(-latest)) {
			t.Errorf("mosquitto_sub heard number %d of %s since %s, which is not in the history", h.Seq, h.Sender, h.Boot)
		}
	}
	if heard == 0 {
		t.Error("mosquitto_sub heard nothing while pods were deleted, so it proves nothing")
	}
}
