package broker

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"
)

// FuzzFrameValidator: however the bytes are split, the verdict is the same, and
// what it lets pass has frames that mochi reads with the same lengths.
func FuzzFrameValidator(f *testing.F) {
	f.Add(append(hello{id: "x"}.packet(), 0x30, 3, 0, 1, 'x'), byte(3))
	f.Add([]byte{0x10, 0xff, 0xff, 0xff, 0xff, 1}, byte(1))
	f.Fuzz(func(t *testing.T, b []byte, step byte) {
		var whole, pieces frameValidator
		want := whole.validate(b)
		var got error
		for rest := b; len(rest) > 0 && got == nil; {
			n := min(len(rest), int(step)+1)
			got = pieces.validate(rest[:n])
			rest = rest[n:]
		}
		if got != want { //nolint:errorlint // the very same
			t.Fatalf("in pieces: %v, whole: %v", got, want)
		}
		if want != nil {
			return
		}
		for r := bytes.NewReader(b); r.Len() > 0; {
			r.ReadByte()
			n, _, err := packets.DecodeLength(r)
			if err != nil {
				return // cut off within the length
			}
			if n > maxPacket {
				t.Fatalf("a packet of %d bytes passed", n)
			}
			r.Seek(int64(n), 1)
		}
	})
}

// FuzzPublish: mochi reads what we write, with and without properties.
func FuzzPublish(f *testing.F) {
	f.Add("a/b", []byte("payload"), "key", "value", uint32(60), true, byte(1), uint16(9), 5)
	f.Fuzz(func(t *testing.T, topic string, payload []byte, key, value string, expiry uint32, v5 bool, qos byte, id uint16, sub int) {
		if len(topic) > 60000 || len(key)+len(value) > 60000 || id == 0 || stringsBad(topic, key, value) {
			t.Skip()
		}
		version := byte(4)
		if v5 {
			version = 5
		}
		in := packets.Packet{ProtocolVersion: version, TopicName: topic, Payload: payload}
		in.FixedHeader.Type = packets.Publish
		in.FixedHeader.Qos = qos & 1
		in.Properties.MessageExpiryInterval = expiry
		in.Properties.User = []packets.UserProperty{{Key: key, Val: value}}
		m := newMessage(&in, "pub", 1000)
		d := delivery{v5: v5, qos: in.FixedHeader.Qos, id: id}
		if v5 && sub > 0 && sub < 1<<28 {
			d.ids = []int{sub}
		}
		b := d.appendPublish(nil, m, 1000)
		if len(b) != d.packetLen(m) {
			t.Fatalf("%d bytes, %d were announced", len(b), d.packetLen(m))
		}
		r := bytes.NewReader(b)
		head, _ := r.ReadByte()
		out := packets.Packet{ProtocolVersion: version}
		if err := out.FixedHeader.Decode(head); err != nil {
			t.Fatal(err)
		}
		n, _, err := packets.DecodeLength(r)
		if err != nil || n != r.Len() {
			t.Fatalf("length %d of %d, %v", n, r.Len(), err)
		}
		if err := out.PublishDecode(b[len(b)-n:]); err != nil {
			t.Fatal(err)
		}
		if out.TopicName != topic || !bytes.Equal(out.Payload, payload) {
			t.Errorf("got %q %q", out.TopicName, out.Payload)
		}
		if v5 {
			if diff := cmp.Diff(in.Properties.User, out.Properties.User); diff != "" {
				t.Error(diff)
			}
			if out.Properties.MessageExpiryInterval != expiry {
				t.Errorf("expiry %d, want %d", out.Properties.MessageExpiryInterval, expiry)
			}
		}
	})
}

func stringsBad(all ...string) bool {
	var b bytes.Buffer
	for _, s := range all {
		p := packets.Packet{TopicName: s}
		p.FixedHeader.Type = packets.Publish
		b.Reset()
		if p.PublishEncode(&b) != nil || p.PublishDecode(str(nil, s)) != nil {
			return true
		}
	}
	return false
}
