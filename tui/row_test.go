package tui

import (
	"strings"
	"testing"
	"time"

	"github.com/muesli/termenv"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/tuitest"
)

func TestRowText(t *testing.T) {
	for payload, want := range map[string]string{
		"":                              "(empty)",
		`{"room":"\u041a\u0443\u0445"}`: `{"room":"Кух"}`,
		`C:\u00fc`:                      `C:\u00fc`,
		`["` + strings.Repeat(`\u00fc`, 100) + `"]`:                    `["` + strings.Repeat("ü", 17) + "…",
		`["` + strings.Repeat(`e\u0301\u0302\u0303\u0304`, 100) + `"]`: `["` + strings.Repeat("e\u0301\u0302\u0303\u0304", 17) + "…",
		`["e` + strings.Repeat(`\u0301`, 1000) + `"]`:                  "[\"e\u0301\u0301\u0301\u0301‹+163 marks›\\u0…",
	} {
		got := text(&stream.Message{Payload: []byte(payload)}, 20)
		if got != want || cells.Width(got) > 20 {
			t.Errorf("%.40q is shown as %q in %d cells, want %q", payload, got, cells.Width(got), want)
		}
	}
}

// Two topics that differ by a space look different in list, tree, senders and detail.
func TestSpaceAtTheEndsOfALevel(t *testing.T) {
	store := tuitest.NewStore()
	store.Totals.Link = stream.Link{State: stream.Connected}
	for i, topic := range []string{"plant/lamp", "plant/lamp ", "plant /lamp"} {
		at := tuitest.At.Add(time.Duration(i) * time.Second)
		store.Say(stream.Message{Topic: topic, Sender: topic, Payload: []byte("on"), Received: at, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None})
		store.Known = append(store.Known, stream.Sender{Sender: topic, State: stream.Unknown, LastSeen: at, Messages: 1})
	}
	s := open(t, store, termenv.Ascii, 120, 40)
	s.shows("plant/lamp  ", "plant/lamp␣ ", "plant␣/lamp")
	s.press("k", "enter")
	s.shows("topic     plant/lamp␣", "sender    plant/lamp␣")
	s = open(t, store, termenv.Ascii, 80, 24)
	s.press("2")
	s.shows("lamp  ", "lamp␣ ", "plant␣")
	s.press("3")
	s.poll()
	s.shows("plant/lamp  ", "plant/lamp␣ ", "plant␣/lamp")
}
