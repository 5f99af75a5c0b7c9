package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

// A background is a command that runs beside the test.
type background struct {
	cmd       *exec.Cmd
	out, said bytes.Buffer
	done      chan error
}

// begin starts c; it is killed when the test ends, if it has not ended.
func begin(t *testing.T, c *exec.Cmd) *background {
	t.Helper()
	b := &background{cmd: c, done: make(chan error, 1)}
	c.Stdout, c.Stderr = &b.out, &b.said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { b.done <- c.Wait(); close(b.done) }()
	t.Cleanup(func() { b.kill() })
	return b
}

func (b *background) kill() {
	b.cmd.Process.Kill()
	<-b.done
}

// end waits until it has ended by itself, with 0.
func (b *background) end(t *testing.T, within time.Duration) string {
	t.Helper()
	select {
	case err := <-b.done:
		if err != nil {
			t.Fatalf("%s: %v\n%s\n%s", strings.Join(b.cmd.Args, " "), err, &b.out, &b.said)
		}
	case <-time.After(within):
		b.kill()
		t.Fatalf("%s has not ended in %s\n%s\n%s", strings.Join(b.cmd.Args, " "), within, &b.out, &b.said)
	}
	return b.out.String()
}

// testKindStream watches one broadcaster in every way that there is, at once.
func testKindStream(t *testing.T, r *kindRig) {
	host, port := hostPort(t, r.mqtt)
	watch := begin(t, r.program(r.hellox, "watch", "-n", "5", "--output", "json", "--filter", "is:ours"))
	sub := begin(t, r.program("mosquitto_sub", "-h", host, "-p", port, "-t", "hello_world/broadcast/#", "-C", "2", "-F", "%p"))

	t.Run("page", func(t *testing.T) { testKindPage(t, r) })
	t.Run("the original apps", func(t *testing.T) { testKindOriginals(t, r) })
	t.Run("watch", func(t *testing.T) { checkIntervals(t, watch.end(t, 2*time.Minute)) })
	t.Run("mosquitto_sub", func(t *testing.T) {
		for line := range strings.Lines(sub.end(t, time.Minute)) {
			if h, ok := stream.ParseHello([]byte(strings.TrimSpace(line))); !ok || h.Text != "Hello world" {
				t.Errorf("mosquitto_sub heard %q, which is no hello of ours", line)
			}
		}
	})
}

// testKindPage sees the list grow, and finds it again after a reload.
func testKindPage(t *testing.T, r *kindRig) {
	r.browser.open(t, r.page)
	until(t, "the page's list shows a message", func() bool { return r.browser.newest(t) > 0 })
	first := r.browser.rows(t)
	until(t, "the page's list grows by two", func() bool { return len(r.browser.rows(t)) >= len(first)+2 })
	seen := r.browser.rows(t)
	for _, row := range seen {
		if row.Sender == "broadcast-0" && row.Text != "Hello world" {
			t.Errorf("row %d shows %q of %s", row.ID, row.Text, row.Sender)
		}
	}
	r.browser.open(t, r.page)
	until(t, "after a reload the page shows what it showed before", func() bool {
		rows := r.browser.rows(t)
		return len(rows) >= len(seen) && rows[0] == seen[0]
	})
}

// A broadcast is sent when its predecessor said that it would, but for what two
// busy processors add. The bounds are wide on purpose, and one interval may lie
// beyond them, because a machine under load stalls for seconds: the test is about
// the rhythm, which the broadcaster draws and declares exactly.
const (
	earliest = -500 * time.Millisecond
	latest   = 3 * time.Second
)

// checkIntervals reads five messages of watch --output json. Its intervals are
// those of the sending: a broadcaster may speak before the receiver's first
// connection stands, and what waited for it comes all at once.
func checkIntervals(t *testing.T, lines string) {
	t.Helper()
	var messages []stream.Message
	for line := range strings.Lines(lines) {
		var m stream.Message
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		messages = append(messages, m)
	}
	if len(messages) != 5 {
		t.Fatalf("watch -n 5 gave %d messages:\n%s", len(messages), lines)
	}
	var before stream.Hello
	off := 0
	for i, m := range messages {
		h, ok := stream.ParseHello(m.Payload)
		if !ok {
			t.Fatalf("message %d is not of ours: %s", m.ID, m.Payload)
		}
		if h.Next < time.Second || h.Next > 10*time.Second {
			t.Errorf("message %d declares the next in %s, which is not in 1-10 s", m.ID, h.Next)
		}
		if i > 0 {
			if m.ID <= messages[i-1].ID || m.Seq != messages[i-1].Seq+1 {
				t.Errorf("message %d with number %d follows %d with %d", m.ID, m.Seq, messages[i-1].ID, messages[i-1].Seq)
			}
			interval := h.Sent.Sub(before.Sent)
			if late := interval - before.Next; late < earliest || late > latest {
				off++
			} else if late = m.Delta - before.Next; messages[i-1].Latency < latest && (late < earliest || late > latest) {
				off++ // nor did it come so, though nothing waited
			}
			t.Logf("sent %s after the one before, which declared %s; delta %s, latency %s", interval, before.Next, m.Delta, m.Latency)
		}
		before = h
	}
	if off > 1 {
		t.Errorf("%d of 4 intervals were not what the message before had declared:\n%s", off, lines)
	}
}
