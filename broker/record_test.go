package broker

import (
	"bytes"
	"testing"
)

// FuzzRecord: what a file holds is read back as it was, and anything else
// makes an error, not a panic.
func FuzzRecord(f *testing.F) {
	f.Add("a/b", []byte("payload"), []byte{1, 2}, "pub", byte(1), true, int64(0), []byte{})
	f.Fuzz(func(t *testing.T, topic string, payload, props []byte, origin string, qos byte, retain bool, expiry int64, noise []byte) {
		if messages, err := decodeBatch(noise); err == nil && len(noise) > 4 && len(messages) == 0 {
			t.Error("bytes are neither messages nor damaged")
		}
		m := &message{topic: topic, payload: payload, props: props, origin: origin, qos: qos & flagQoS, retain: retain, expiry: max(expiry, 0), seq: 7}
		b := m.appendRecord(beginBatch(nil))
		b = m.appendRecord(b)
		sealBatch(b)
		got, err := decodeBatch(b)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d messages, %v", len(got), err)
		}
		for _, g := range got {
			if !bytes.Equal(g.payload, m.payload) || !bytes.Equal(g.props, m.props) || g.topic != m.topic || g.origin != m.origin ||
				g.qos != m.qos || g.retain != m.retain || g.expiry != m.expiry || g.seq != m.seq {
				t.Errorf("got %+v, want %+v", g, m)
			}
		}
	})
}
