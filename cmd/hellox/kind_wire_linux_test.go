package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// overhear returns what crosses the network of the node, where all pods' packets pass, to
// and from the broker's port for so long: of every pod, or of the one with that address.
func (r *kindRig) overhear(t *testing.T, d time.Duration, pod string) (packets int, all []byte) {
	t.Helper()
	pid, _ := r.do(t, r.program("docker", "inspect", "--format", "{{.State.Pid}}", r.node))
	socket := listenIn(t, "/proc/"+strings.TrimSpace(pid)+"/ns/net")
	defer unix.Close(socket)
	b, address := make([]byte, 64<<10), net.ParseIP(pod).To4()
	for end := time.Now().Add(d); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(socket, b, 0)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if isOf(b[:n], 8883) && (pod == "" || bytes.Equal(b[12:16], address) || bytes.Equal(b[16:20], address)) {
			packets++
			all = append(all, b[:n]...)
		}
	}
	return packets, all
}

// listenIn opens a socket in that network that gets all packets.
func listenIn(t *testing.T, network string) int {
	t.Helper()
	type opened struct {
		socket int
		err    error
	}
	done := make(chan opened)
	go func() {
		// The thread ends with the goroutine: it is not brought back to its own network.
		runtime.LockOSThread()
		var o opened
		var f *os.File
		if f, o.err = os.Open(network); o.err == nil {
			defer f.Close()
			o.err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
		}
		if o.err == nil {
			var every [2]byte
			binary.BigEndian.PutUint16(every[:], unix.ETH_P_ALL)
			o.socket, o.err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(binary.NativeEndian.Uint16(every[:])))
		}
		done <- o
	}()
	o := <-done
	if errors.Is(o.err, syscall.EPERM) {
		needed(t, "root, to listen in the node's network")
	}
	if o.err != nil {
		t.Fatal(o.err)
	}
	if err := unix.SetsockoptTimeval(o.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}); err != nil {
		t.Fatal(err)
	}
	return o.socket
}

// isOf reports whether an IPv4 packet is one of TCP to or from that port.
func isOf(packet []byte, port uint16) bool {
	if len(packet) < 20 || packet[0]>>4 != 4 || packet[9] != unix.IPPROTO_TCP {
		return false
	}
	segment := packet[min(len(packet), int(packet[0]&15)*4):]
	return len(segment) >= 4 && (binary.BigEndian.Uint16(segment) == port || binary.BigEndian.Uint16(segment[2:]) == port)
}

// testKindWire listens in the node while broadcasters speak: no word of theirs is to be
// heard. testKindPlain hears them so, without TLS.
func testKindWire(t *testing.T, r *kindRig) {
	l := r.load(t)
	r.kubectl(t, "-n", "hellox", "delete", "pod", "broadcast-1", "--wait=false") // its successor connects meanwhile
	packets, all := r.overhear(t, 5*time.Second, "")
	r.whole(t, l, "a broadcaster was replaced")
	if packets < 5*loadPerSecond/2 {
		t.Errorf("%d packets were overheard, too few for %d messages a second", packets, loadPerSecond)
	}
	for _, word := range []string{"Hello", "world", "hello_world", `"seq"`, "broadcast-1", "MQTT", "eyJhbGciOi"} {
		if n := bytes.Count(all, []byte(word)); n > 0 {
			t.Errorf("%q was heard %d times", word, n)
		}
	}
	t.Logf("%d packets with %d bytes overheard at the broker's port: no word of a topic, a payload, an MQTT CONNECT or a token", packets, len(all))
}
