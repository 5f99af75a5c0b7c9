package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"
)

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func frame(head byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{head}, uint64(len(body))), body...)
}

func connect(version byte) []byte {
	b := append(text(nil, "MQTT"), version, 2, 0, 60)
	if version == 5 {
		b = append(b, 0)
	}
	return frame(packets.Connect<<4, text(b, "x"))
}

// FuzzReader: whatever comes, in whatever pieces, the packets are the same, and
// no byte makes the codec read beyond its packet.
func FuzzReader(f *testing.F) {
	f.Add(append(connect(4), 0x30, 3, 0, 1, 'x'))
	f.Add(append(connect(5), 0x82, 7, 0, 1, 0, 0, 1, 'x', 1))
	f.Add(append(connect(5), 0x82, 6, 0, 1, 0, 0, 1, 'x')) // cut off before its options
	f.Add([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole, wantErr := readAll(NewReader(bytes.NewReader(b)))
		pieces, err := readAll(NewReader(iotest.OneByteReader(bytes.NewReader(b))))
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Error(diff)
		}
		if (wantErr == nil) != (err == nil) || wantErr != nil && err.Error() != wantErr.Error() {
			t.Errorf("in pieces: %v, whole: %v", err, wantErr)
		}
		for _, pk := range whole {
			if pk.FixedHeader.Remaining > MaxPacket {
				t.Errorf("a packet of %d bytes passed", pk.FixedHeader.Remaining)
			}
		}
	})
}

func readAll(r *Reader) (all []packets.Packet, err error) {
	for {
		pk, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, pk)
	}
}

// TestAnnouncedIsNotAllocated announces the largest packet there may be, and
// sends none of it.
func TestAnnouncedIsNotAllocated(t *testing.T) {
	allocated := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.TotalAlloc
	}
	before := allocated()
	for range 100 {
		r := NewReader(bytes.NewReader(append(connect(4), 0x30, 0x80, 0x80, 0x10)))
		if _, err := readAll(r); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
	}
	if grown := allocated() - before; grown > 100*(2*firstChunk+bufferSize) {
		t.Errorf("%d bytes were allocated for 100 announcements", grown)
	}
}

// TestTLSToPlain says what a client speaks whose first packet is TLS's.
func TestTLSToPlain(t *testing.T) {
	hello := []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}
	_, err := NewReader(bytes.NewReader(hello)).Next()
	if e, ok := errors.AsType[*Error](err); !ok || e.Reason != "the client speaks TLS; this listener does not" {
		t.Errorf("the error is %v", err)
	}
	later := NewReader(bytes.NewReader(append(connect(4), hello...)))
	_, _ = later.Next()
	if _, err := later.Next(); err == nil || err.Error() != errSecondConnect.Reason {
		t.Errorf("after a CONNECT the error is %v", err)
	}
}
