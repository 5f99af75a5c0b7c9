package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"
)

// TestBorrowed reads by a buffer that is given back between the packets: they are the
// same, in whatever pieces they come, and whether Wait is called before each or not.
func TestBorrowed(t *testing.T) {
	all := connect(4)
	for n := range 40 {
		all = append(all, frame(packets.Publish<<4, text(nil, strings.Repeat("x", 1+n*n*10)))...)
	}
	want, _ := readAll(NewReader(bytes.NewReader(all)))
	if len(want) != 41 {
		t.Fatalf("%d packets", len(want))
	}
	var buffers Buffers
	other := buffers.Reader(bytes.NewReader(all)) // takes the same buffers by turns
	for name, in := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "in bytes": iotest.OneByteReader, "in halves": iotest.HalfReader, "with the error": iotest.DataErrReader,
	} {
		for _, waits := range []bool{true, false} {
			r := buffers.Reader(in(bytes.NewReader(all)))
			var got []packets.Packet
			for {
				if waits {
					if err := r.Wait(); err != nil && !errors.Is(err, io.EOF) {
						t.Fatal(err)
					}
				}
				pk, err := r.Next()
				if err != nil {
					break
				}
				got = append(got, pk)
				_ = other.Wait()
				_, _ = other.Next()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, waits: %v: %s", name, waits, diff)
			}
		}
	}
}

// heap returns the bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what a pool holds goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestWaitHoldsNoBuffer has connections say something and then wait: those that borrow
// their buffers hold none meanwhile.
func TestWaitHoldsNoBuffer(t *testing.T) {
	const readers, most = 200, bufferSize // of which each has its pipe and goroutine
	var buffers Buffers
	var waiting []*Reader
	before := heap()
	for range readers {
		here, there := net.Pipe()
		t.Cleanup(func() { here.Close(); there.Close() })
		r := buffers.Reader(here)
		done := make(chan error, 1)
		go func() {
			_, err := r.Next()
			done <- err
			done <- r.Wait()
		}()
		if _, err := there.Write(connect(4)); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, r)
	}
	if each := (heap() - before) / readers; each > most {
		t.Errorf("%d bytes for each that waits, want at most %d", each, most)
	} else {
		t.Logf("%d bytes for each that waits", each)
	}
	runtime.KeepAlive(waiting)
}

// TestPasswordIsNotKept keeps of CONNECTs with long passwords what a broker keeps: client
// IDs and last wills. The passwords are gone.
func TestPasswordIsNotKept(t *testing.T) {
	const clients, most = 200, 1 << 10
	kept := make([]packets.ConnectParams, 0, clients)
	before := heap()
	for range clients {
		body := append(text(nil, "MQTT"), 4, 2|4|0xc0, 0, 60)
		for _, s := range []string{"the client's ID", "the/topic/of/its/will", "its will", "user", strings.Repeat("p", 12<<10)} {
			body = text(body, s)
		}
		pk, err := NewReader(bytes.NewReader(frame(packets.Connect<<4, body))).Next()
		if err != nil {
			t.Fatal(err)
		}
		c := pk.Connect
		kept = append(kept, packets.ConnectParams{ClientIdentifier: c.ClientIdentifier, WillTopic: c.WillTopic, WillPayload: c.WillPayload})
	}
	if each := (heap() - before) / clients; each > most {
		t.Errorf("%d bytes are kept of each, want at most %d", each, most)
	} else {
		t.Logf("%d bytes are kept of each", each)
	}
	if c := kept[7]; c.ClientIdentifier != "the client's ID" || c.WillTopic != "the/topic/of/its/will" || string(c.WillPayload) != "its will" {
		t.Errorf("kept is %+v", c)
	}
	runtime.KeepAlive(kept)
}
