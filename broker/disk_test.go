//go:build linux

package broker

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// need skips the test where it cannot be run, but not in CI.
func need(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

// smallDisk mounts a disk of so many bytes in memory.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	need(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(bytes)), "a small disk needs the right to mount")
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all room on a disk, until the returned function is called.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	return func() { os.Remove(path) }
}

// TestDiskFull makes the disk full again and again, by another's file, while
// publishers and a receiver are at work. Nothing acknowledged is lost, nothing
// is acknowledged once the broker has seen that it is full, and it heals.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	p := newProcess(t, filepath.Join(dir, "store"))
	p.env = []string{"HELLOX_TEST_BACKPRESSURE=receiver"}
	p.start(t)
	l := startLoad(t, p.addr, 10, 20, 2*time.Millisecond)
	watcher := connect(t, p.addr, hello{id: "watcher"})
	watcher.subscribe(0, "live")
	for range fromEnv(t, "HELLOX_FILLS", 3) {
		before := l.acked()
		wait(t, "messages are acknowledged", func() bool { return l.acked() > before+100 })
		degraded := strings.Count(p.log.String(), "msg=degraded")
		free := fill(t, dir)
		// As long as it finds room in pages that it had, it may go on: the
		// receiver's absence ends that.
		l.receiver.pause(true)
		wait(t, "it is degraded", func() bool { return strings.Count(p.log.String(), "msg=degraded") > degraded })
		at := l.acked()
		for quiet := time.Now(); time.Since(quiet) < 2*time.Second; time.Sleep(5 * time.Millisecond) {
			// Acknowledgements that are under way, the receiver's last ones, and
			// what these make room for. Without an end to them the test times out.
			if now := l.acked(); now != at {
				at, quiet = now, time.Now()
			}
		}
		settled := time.NewTimer(500 * time.Millisecond)
		for n := 0; ; n++ {
			// Others are served all the while.
			live := connect(t, p.addr, hello{id: "live"})
			live.publish("live", strconv.Itoa(n), 0, false)
			if g := watcher.message(); g.payload != strconv.Itoa(n) {
				t.Fatalf("got %+v", g)
			}
			live.c.Close()
			select {
			case <-settled.C:
			default:
				continue
			}
			break
		}
		if now := l.acked(); now != at {
			t.Errorf("%d messages were acknowledged while the disk was full", now-at)
		}
		free()
		l.receiver.pause(false)
		wait(t, "it heals", func() bool { return l.acked() > at+300 })
	}
	l.verdict(t)
}

// TestDiskFullOfItsOwn lets the journal itself fill the disk while its
// receiver is away. It can still be fetched, and that makes room.
func TestDiskFullOfItsOwn(t *testing.T) {
	dir := smallDisk(t, 8<<20)
	b := start(t, Options{Store: filepath.Join(dir, "store")}) // its limit is far beyond the disk
	away(t, b, "receiver", "x")
	payload := strings.Repeat("x", 1000)
	acked := 0
	for try := 0; b.Degraded() == ""; try++ {
		pub := connect(t, b.Addr(0), hello{id: "pub" + strconv.Itoa(try)})
		for {
			pub.send(pub.publishPacket("x", payload+strconv.Itoa(acked), 1, false, 1))
			p, err := pub.read(testTimeout)
			if err != nil || p.kind() != packets.Puback {
				break
			}
			acked++
		}
	}
	t.Logf("%d acknowledged, then: %s", acked, b.Degraded())
	receiver := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
	for n := range acked {
		if g := receiver.take(); g.payload != payload+strconv.Itoa(n) {
			t.Fatalf("message %d is another: %.20q…%s", n, g.payload, g.payload[len(payload):])
		}
	}
	wait(t, "it heals", func() bool { return b.Degraded() == "" })
	connect(t, b.Addr(0), hello{id: "after"}).publish("x", "after", 1, false)
	for {
		if g := receiver.take(); g.payload == "after" {
			break // messages that were on disk without their PUBACK may come before
		}
	}
}

// TestDiskFails has the kernel report that a sync has failed: from then on
// nothing is acknowledged, the broker ends and says why, and what was
// acknowledged before is there when it is started again.
func TestDiskFails(t *testing.T) {
	for _, call := range []string{"fsync", "pwrite64"} {
		t.Run(call, func(t *testing.T) {
			strace, err := exec.LookPath("strace")
			need(t, err, "a failing disk needs strace")
			p := newProcess(t, t.TempDir())
			p.env = []string{"HELLOX_TEST_BACKPRESSURE=receiver"}
			p.start(t)
			awayAt(t, p.addr, "receiver", "hello_world/#")
			p.kill()
			p.wrap = []string{strace, "-f", "-o", filepath.Join(t.TempDir(), "trace"), "-e", "trace=" + call, "-e", "inject=" + call + ":error=EIO:when=20+"}
			p.start(t)
			pub := connect(t, p.addr, hello{id: "pub"})
			acked := 0
			for {
				pub.send(pub.publishPacket("hello_world/x", strconv.Itoa(acked), 1, false, 1))
				got, err := pub.read(testTimeout)
				if err != nil {
					break
				}
				if got.kind() == packets.Puback {
					acked++
				}
				if acked > 1000 {
					t.Fatal("the disk does not fail")
				}
			}
			if err := p.ended(t); err == nil {
				t.Error("the broker ended without an error")
			}
			if !p.said("write the store") {
				t.Errorf("it does not say why it ended: %s", p.log)
			}
			p.wrap = nil
			p.start(t)
			receiver := connect(t, p.addr, hello{id: "receiver", keep: true})
			for n := range acked {
				if g := receiver.take(); g.payload != strconv.Itoa(n) {
					t.Fatalf("got %q, want %d of %d", g.payload, n, acked)
				}
			}
		})
	}
}
