package stream

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

const aBoot = "01K3XW0000ABCDEFGHJKMNPQRS"

func TestParseHello(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		want          *Hello // nil: not ours
	}{
		{"whole", `{"text":"Hello world","sender":"press-1","boot":"` + aBoot + `","seq":1,"sent":"2026-08-30T12:00:00.123456789Z","next_ms":4211,"color":"#7fb069"}`,
			&Hello{"Hello world", "press-1", aBoot, 1, time.Date(2026, 8, 30, 12, 0, 0, 123456789, time.UTC), 4211 * time.Millisecond, "#7fb069"}},
		{"the four that must be there", `{"text":"","sender":"ü","boot":"` + aBoot + `","seq":9007199254740992}`, &Hello{Sender: "ü", Boot: aBoot, Seq: 1 << 53}},
		{"more than we know", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":2,"x":[1]}`, &Hello{Text: "a", Sender: "b", Boot: aBoot, Seq: 2}},
		{"what may be missing is wrong", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":2,"sent":"yesterday","next_ms":"x","color":{"r":1}}`, &Hello{Text: "a", Sender: "b", Boot: aBoot, Seq: 2}},
		{"what may be missing has other types", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":2,"sent":5,"next_ms":-1,"color":"` + strings.Repeat("#", 100) + `"}`, &Hello{Text: "a", Sender: "b", Boot: aBoot, Seq: 2}},
		{"a silence too long to announce", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":2,"next_ms":1e300}`, &Hello{Text: "a", Sender: "b", Boot: aBoot, Seq: 2}},
		{"part of a millisecond", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":2,"next_ms":0.5}`, &Hello{Text: "a", Sender: "b", Boot: aBoot, Seq: 2, Next: 500 * time.Microsecond}},

		{"plain", "Hello world", nil},
		{"empty", "", nil},
		{"not an object", `["text"]`, nil},
		{"cut off", `{"text":"a"`, nil},
		{"two", `{}{}`, nil},
		{"no text", `{"sender":"b","boot":"` + aBoot + `","seq":2}`, nil},
		{"text is null", `{"text":null,"sender":"b","boot":"` + aBoot + `","seq":2}`, nil},
		{"text is a number", `{"text":1,"sender":"b","boot":"` + aBoot + `","seq":2}`, nil},
		{"no sender", `{"text":"a","boot":"` + aBoot + `","seq":2}`, nil},
		{"sender is a topic", `{"text":"a","sender":"a/b","boot":"` + aBoot + `","seq":2}`, nil},
		{"sender nobody sees", `{"text":"a","sender":"\u202e","boot":"` + aBoot + `","seq":2}`, nil},
		{"no boot", `{"text":"a","sender":"b","seq":2}`, nil},
		{"boot is no ULID", `{"text":"a","sender":"b","boot":"x","seq":2}`, nil},
		{"no seq", `{"text":"a","sender":"b","boot":"` + aBoot + `"}`, nil},
		{"seq 0", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":0}`, nil},
		{"seq negative", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":-1}`, nil},
		{"seq too large", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":9007199254740993}`, nil},
		{"seq of a digit string", `{"text":"a","sender":"b","boot":"` + aBoot + `","seq":"1"}`, nil},
		{"not UTF-8", `{"text":"` + "\xff" + `","sender":"b","boot":"` + aBoot + `","seq":2}`, nil},
		{"deep", strings.Repeat(`{"a":`, 100_000), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ours := ParseHello([]byte(c.payload))
			switch {
			case ours != (c.want != nil):
				t.Errorf("ours: %v", ours)
			case ours && got != *c.want:
				t.Errorf("%+v, not %+v", got, *c.want)
			}
		})
	}
}

func TestHelloRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Hello{
			Text:   rapid.String().Draw(t, "text"),
			Sender: rapid.String().Filter(ValidID).Draw(t, "sender"),
			Boot:   ulid.MustNew(rapid.Uint64Range(0, ulid.MaxTime()).Draw(t, "ms"), bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "entropy"))).String(),
			Seq:    rapid.Uint64Range(1, maxSeq).Draw(t, "seq"),
			Sent:   time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC(),
			Next:   time.Duration(rapid.Int64Range(0, int64(maxNext/time.Millisecond)).Draw(t, "next")) * time.Millisecond,
			Color:  rapid.SampledFrom([]string{"", "#7fb069", "#ffffff"}).Draw(t, "color"),
		}
		b := h.AppendJSON(nil)
		checkTerminalSafe(t, b)
		if got, ours := ParseHello(b); !ours || got != h {
			t.Fatalf("%s is %+v (%v), not %+v", b, got, ours, h)
		}
	})
}

func FuzzParseHello(f *testing.F) {
	f.Add([]byte("Hello world"))
	f.Add([]byte(`{"text":"Hello world","sender":"press-1","boot":"` + aBoot + `","seq":1,"sent":"2026-08-30T12:00:00.123456789Z","next_ms":4211,"color":"#7fb069"}`))
	f.Add([]byte("{\"text\":\"Hello world\",\"sender\":\"press-1\",\"boot\":\"" + aBoot + "\",\"seq\":1,\"color\":\"#7fb06\x7f\"}"))
	f.Add([]byte(`{"text":"\ud800\u0000","sender":"\u00fc","boot":"` + aBoot + `","seq":9007199254740992,"next_ms":0.000001,"color":null}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, ours := ParseHello(payload)
		if !ours {
			if h != (Hello{}) {
				t.Fatalf("not ours, and %+v", h)
			}
			return
		}
		if !ValidID(h.Sender) || h.Seq == 0 || h.Seq > maxSeq || h.Next < 0 || h.Next > maxNext || h.Color != "" && !isColor(h.Color) || !utf8.ValidString(h.Text) {
			t.Fatalf("%+v", h)
		}
		// What was read is what is written and read again, but for parts
		// of a millisecond and of the zone.
		again, ours := ParseHello(h.AppendJSON(nil))
		h.Next = h.Next.Truncate(time.Millisecond)
		if !ours || !again.Sent.Equal(h.Sent) {
			t.Fatalf("%+v came back as %+v", h, again)
		}
		again.Sent = h.Sent
		if again != h {
			t.Fatalf("%+v came back as %+v", h, again)
		}
	})
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"press-1": true, "broadcast-0.example_1": true, "Größe": true, "打": true, "a$b": true, strings.Repeat("a", 128): true,
		"": false, "a b": false, "a/b": false, "a+": false, "#": false, "$SYS": false, "a\tb": false, "a\u00a0b": false, "a\u200b": false,
		"a\u202e": false, "a\x00": false, "a\xff": false, "a\ufe0f": false, "\u3164": false, "a\u2028": false, strings.Repeat("a", 129): false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("ValidID(%q) = %v", id, got)
		}
	}
}

func BenchmarkParseHello(b *testing.B) {
	h := Hello{Text: "Hello world", Sender: "broadcast-0", Boot: aBoot, Seq: 1234, Sent: time.Now(), Next: 4211 * time.Millisecond, Color: "#7fb069"}
	for _, c := range []struct {
		name    string
		payload []byte
	}{{"ours", h.AppendJSON(nil)}, {"plain", []byte("Hello world")}, {"foreign", []byte(`{"temp":21.5,"unit":"C","at":"2026-08-30T12:00:00Z","items":[{"id":7},{"id":8}]}`)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.payload)))
			b.ReportAllocs()
			for b.Loop() {
				ParseHello(c.payload)
			}
		})
	}
}

// A clock that is not set gives no latency; one that is a little ahead gives a
// negative one.
func TestLatencyOfAnUnsetClock(t *testing.T) {
	received := time.Date(2026, 8, 30, 14, 2, 11, 0, time.UTC)
	for sent, want := range map[string]time.Duration{
		"9999-12-31T23:59:59Z": None, "0000-01-01T00:00:00Z": None, "1970-01-01T00:00:07Z": None,
		"2026-08-30T14:02:12Z": -time.Second, "2026-08-28T14:02:11Z": 48 * time.Hour,
	} {
		h, ok := ParseHello([]byte(`{"text":"x","sender":"a","boot":"01JD0000000000000000000000","seq":1,"sent":"` + sent + `"}`))
		if !ok {
			t.Fatal(sent)
		}
		m := Message{Received: received}
		m.SetHello(&h)
		if m.Latency != want {
			t.Errorf("%s: latency %v, want %v", sent, m.Latency, want)
		}
	}
}
