package stream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hellox/stream/safetext"
)

// anyBytes are payloads: text, JSON, and what is neither.
func anyBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.Map(rapid.String(), func(s string) []byte { return []byte(s) }),
		rapid.SampledFrom([][]byte{{}, []byte("Hello world"), []byte(`{"a":"\ud800"}`), {0xff}, []byte("\x1b[31m\u009b\u202e\u2028\x7f\x00"), []byte("\ufffd")}),
	)
}

// micros are what the JSON fields in _ms hold exactly.
func micros() *rapid.Generator[time.Duration] {
	return rapid.OneOf(rapid.Just(None), rapid.Map(rapid.Int64Range(-1e15, 1e15), func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }))
}

func TestMessageJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			ID:       rapid.Int64Range(1, 1<<53).Draw(t, "id"),
			Topic:    rapid.String().Draw(t, "topic"),
			Payload:  anyBytes().Draw(t, "payload"),
			QoS:      rapid.ByteRange(0, 2).Draw(t, "qos"),
			Retained: rapid.Bool().Draw(t, "retained"),
			Received: time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Sender:   rapid.String().Draw(t, "sender"),
			Delta:    micros().Draw(t, "delta"),
			DeltaAny: micros().Draw(t, "any"),
			Latency:  None,
		}
		if rapid.Bool().Draw(t, "ours") {
			m.Ours = true
			m.Text = rapid.String().Draw(t, "text")
			m.Color = rapid.String().Draw(t, "color")
			m.Boot = rapid.String().Draw(t, "boot")
			m.Seq = rapid.Uint64().Draw(t, "seq")
			m.Latency = micros().Draw(t, "latency")
			m.Missed = rapid.Uint64().Draw(t, "missed")
			m.Reordered = rapid.Bool().Draw(t, "reordered")
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		checkTerminalSafe(t, b)
		var got Message
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !bytes.Equal(got.Payload, m.Payload) {
			t.Fatalf("the payload %q became %q in %s", m.Payload, got.Payload, b)
		}
		got.Payload = m.Payload // nil and empty are one
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatalf("%s\n%s", b, diff)
		}
	})
}

// checkTerminalSafe holds that a terminal shows b and obeys nothing in it.
func checkTerminalSafe(t interface{ Fatalf(string, ...any) }, b []byte) {
	for _, r := range string(b) {
		if !safetext.Visible(r) {
			t.Fatalf("%q has %U", b, r)
		}
	}
}

func TestMessageJSONShape(t *testing.T) {
	m := Message{
		ID: 7, Topic: "hello_world/broadcast/press-1", Payload: []byte("{\"text\":\"Hello world\"}"), QoS: 1,
		Received: time.Date(2026, 8, 30, 14, 2, 31, 114_000_000, time.FixedZone("", 7200)), Sender: "press-1",
		Delta: 4112 * time.Millisecond, DeltaAny: 310*time.Millisecond + 25*time.Microsecond,
		Ours: true, Text: "Hello world", Color: "#0394fb", Boot: "01K3XW0000ABCDEFGHJKMNPQRS", Seq: 12, Latency: -1800 * time.Microsecond, Missed: 3, Reordered: true,
	}
	const want = `{"id":7,"topic":"hello_world/broadcast/press-1","payload":"{\"text\":\"Hello world\"}","qos":1,"retained":false,` +
		`"received":"2026-08-30T12:02:31.114000000Z","sender":"press-1","delta_ms":4112,"delta_any_ms":310.025,` +
		`"text":"Hello world","color":"#0394fb","boot":"01K3XW0000ABCDEFGHJKMNPQRS","seq":12,"latency_ms":-1.8,"missed":3,"reordered":true}`
	if got := string(m.AppendJSON(nil)); got != want {
		t.Errorf("\n%s\nnot\n%s", got, want)
	}
	foreign := Message{ID: 1, Topic: "t", Payload: []byte{0xff}, Received: time.Unix(0, 0), Sender: "t", Delta: None, DeltaAny: None, Latency: None}
	const wantForeign = `{"id":1,"topic":"t","payload_base64":"/w==","qos":0,"retained":false,"received":"1970-01-01T00:00:00.000000000Z","sender":"t"}`
	if got := string(foreign.AppendJSON(nil)); got != wantForeign {
		t.Errorf("\n%s\nnot\n%s", got, wantForeign)
	}
	var m2 Message
	if err := json.Unmarshal([]byte(`{"id":"x"}`), &m2); err == nil {
		t.Error("an id that is no number was read")
	}
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		b := AppendString(nil, s)
		checkTerminalSafe(t, b)
		var got string
		if err := json.Unmarshal(b, &got); err != nil || got != s {
			t.Fatalf("%q became %s, read as %q (%v)", s, b, got, err)
		}
	})
	// Every character of Unicode, once.
	var all strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0xd800 || r > 0xdfff {
			all.WriteRune(r)
		}
	}
	b := AppendString(nil, all.String())
	checkTerminalSafe(t, b)
	var got string
	if err := json.Unmarshal(b, &got); err != nil || got != all.String() {
		t.Errorf("all of Unicode did not come back (%v)", err)
	}
	if got := string(AppendString(nil, "a\xffb")); got != `"a\ufffdb"` {
		t.Errorf("invalid UTF-8 became %s", got)
	}
}

func BenchmarkMessageAppendJSON(b *testing.B) {
	h := Hello{Text: "Hello world", Sender: "broadcast-0", Boot: "01K3XW0000ABCDEFGHJKMNPQRS", Seq: 1234, Sent: time.Now(), Next: 4211 * time.Millisecond, Color: "#7fb069"}
	m := Message{
		ID: 18204, Topic: "hello_world/broadcast/broadcast-0", Payload: h.AppendJSON(nil), QoS: 1, Received: time.Now(), Sender: h.Sender,
		Delta: 4112 * time.Millisecond, DeltaAny: 310 * time.Millisecond, Ours: true, Text: h.Text, Color: h.Color, Boot: h.Boot, Seq: h.Seq, Latency: time.Millisecond,
	}
	buf := m.AppendJSON(nil)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendJSON(buf[:0])
	}
}
