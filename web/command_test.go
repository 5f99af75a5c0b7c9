package web

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

func TestCommand(t *testing.T) {
	client := &recordingClient{}
	s := newServer(t, Options{Store: newStore(t), Client: client, Log: slog.New(slog.DiscardHandler)})
	client.answer = stream.Answer{ID: "7", OK: true, State: stream.Mode{Min: time.Second, Max: 10 * time.Second}}
	w := ask(s, "POST", "/api/command", `{"to":"press-1","do":"interval","min":"500ms","max":"2s"}`)
	if want := `{"id":"7","ok":true,"state":{"paused":false,"min":"1s","max":"10s"},"round_trip_ms":1.5}` + "\n"; w.Code != 200 || w.Body.String() != want {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
	if want := (stream.Command{Do: stream.Interval, Min: 500 * time.Millisecond, Max: 2 * time.Second}); client.to != "press-1" || client.command != want {
		t.Errorf("asked %s %+v", client.to, client.command)
	}
	for body, want := range map[string]int{
		`{"to":"press-1","do":"dance"}`:                            400,
		`{"to":"press-1","do":"say"}`:                              400,
		`{"to":"press-1","do":"interval","min":"2s","max":"1s"}`:   400,
		`{"to":"press-1","do":"interval","min":"soon","max":"1s"}`: 400,
		`{"to":"a/b","do":"pause"}`:                                400,
		`{"do":"pause"}`:                                           400,
	} {
		*client = recordingClient{}
		if w := ask(s, "POST", "/api/command", body); w.Code != want || client.to != "" {
			t.Errorf("%s: status %d, asked %q", body, w.Code, client.to)
		}
	}
	client.err = stream.ErrNoAnswer
	if w := ask(s, "POST", "/api/command", `{"to":"press-1","do":"pause"}`); w.Code != 504 || !strings.Contains(w.Body.String(), "no answer from press-1") {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
	client.err = &stream.AbsentError{ID: "nobody", Here: []string{"press-1"}}
	if w := ask(s, "POST", "/api/command", `{"to":"nobody","do":"pause"}`); w.Code != 404 || !strings.Contains(w.Body.String(), "there is no broadcaster nobody; there is press-1") {
		t.Errorf("status %d %s", w.Code, w.Body)
	}
}
