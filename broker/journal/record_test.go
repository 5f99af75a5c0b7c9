package journal

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
		m := &Message{Topic: topic, Payload: payload, Props: props, Origin: origin, Owner: noiseText(noise), QoS: qos & flagQoS, Retain: retain, Expiry: max(expiry, 0), Seq: 7}
		b := m.appendRecord(beginBatch(nil))
		b = m.appendRecord(b)
		sealBatch(b)
		got, err := decodeBatch(b)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d messages, %v", len(got), err)
		}
		for _, g := range got {
			if !bytes.Equal(g.Payload, m.Payload) || !bytes.Equal(g.Props, m.Props) || g.Topic != m.Topic || g.Origin != m.Origin || g.Owner != m.Owner ||
				g.QoS != m.QoS || g.Retain != m.Retain || g.Expiry != m.Expiry || g.Seq != m.Seq {
				t.Errorf("got %+v, want %+v", g, m)
			}
		}
	})
}

// noiseText makes an owner of a few bytes.
func noiseText(noise []byte) string { return string(noise[:min(len(noise), 9)]) }
