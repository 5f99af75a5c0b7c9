package stream

import (
	"testing"
	"time"
)

func exampleHello() Hello {
	return Hello{Text: "Grüße, Welt", Sender: "press-1", Boot: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Seq: 42,
		Sent: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC), Next: 4211 * time.Millisecond, Color: "#7fb069"}
}

func TestScanHelloReadsWhatIsWritten(t *testing.T) {
	h := exampleHello()
	for _, h := range []Hello{h, {Text: h.Text, Sender: h.Sender, Boot: h.Boot, Seq: 1, Sent: h.Sent}, {Sender: h.Sender, Boot: h.Boot, Seq: 999_999_999_999_999, Sent: h.Sent, Color: "#AbCdEf"}} {
		payload := h.AppendJSON(nil)
		f, ok := scanHello(payload)
		if !ok {
			t.Errorf("not scanned: %s", payload)
			continue
		}
		if got, ok := f.hello(); !ok || got != h {
			t.Errorf("%s: %+v", payload, got)
		}
	}
}

// Whatever scanHello takes, encoding/json takes for the same.
func FuzzScanHello(f *testing.F) {
	h := exampleHello()
	f.Add(h.AppendJSON(nil))
	f.Add([]byte(`{"text":"a","sender":"b","boot":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":01,"sent":""}`))
	f.Add([]byte(`{"text":"","sender":"b","boot":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":7,"sent":"","next_ms":0,"color":"\x7f"}`))
	f.Add([]byte(`{"text":"","sender":"b","boot":"01ARZ3NDEKTSV4RRFFQ69G5FAV","seq":7,"sent":"","color":"red"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		scanned, ok := scanHello(payload)
		if !ok {
			return
		}
		fast, fastOK := ParseHello(payload)
		// A space after the first brace is the same JSON, and not for scanHello.
		slow, slowOK := ParseHello(append([]byte("{ "), payload[1:]...))
		if fastOK != slowOK || fast != slow {
			t.Fatalf("%q: scanned %+v: %v %+v, by encoding/json %v %+v", payload, scanned, fastOK, fast, slowOK, slow)
		}
	})
}
