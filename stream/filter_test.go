package stream

import (
	"testing"
	"time"
)

func TestFilterMatch(t *testing.T) {
	now := time.Date(2026, 5, 4, 14, 2, 31, 0, time.UTC)
	ours := &Message{
		ID: 7, Topic: "hello_world/broadcast/press-3", Sender: "press-3", QoS: 1, Received: now.Add(-time.Minute),
		Payload: []byte(`{"text":"Hello world","sender":"press-3","temp":30.5,"items":[{"id":7}],"unit":"m\u006d","n":null}`),
		Ours:    true, Text: "Hello world", Seq: 42, Missed: 3,
		Delta: 9870 * time.Millisecond, DeltaAny: time.Second, Latency: 1800 * time.Microsecond,
	}
	for expression, want := range map[string]bool{
		`HELLO`: true, `hullo`: false, `"hello world"`: true, `press`: true, `broadcast`: true,
		`sender:press-*`: true, `from:PRESS-?`: true, `sender:press`: false, `sender=press-3`: true, `sender!=press-3`: false,
		`topic:hello_world/+`: false, `topic:hello_world/+/PRESS-3`: true, `topic:#`: true,
		`text:hello`: true, `text:~^err\d`: false, `text:~^Hello`: true, `text:~^hello`: false, `text:~(a|d)$`: true,
		`delta>10s`: false, `not delta>10s`: true, `latency<50ms`: true, `size>1KiB`: false, `age<5m`: true, `age<30s`: false,
		`seq<100`: true, `qos=1`: true, `qos != 1`: false,
		`payload.temp>=30`: true, `payload.unit=MM`: true, `payload.items[0].id=7`: true, `payload.items[1].id=7`: false,
		`payload.n=null`: true, `payload.none!=1`: false, `-payload.none!=1`: true,
		`is:retained`: false, `is:missed`: true, `is:reordered`: false, `is:ours`: true,
		`nothing or hello`: true, `nothing hello`: false, `(nothing or hello) -is:retained`: true,
	} {
		f, err := ParseFilter(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := f.MatchAt(ours, now); got != want {
			t.Errorf("%s: %t, want %t", expression, got, want)
		}
	}
}
