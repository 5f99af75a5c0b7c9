package broker

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"
)

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
