package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// The time of --for is over before a broker that never answers is connected.
func TestWatchForWithoutConnection(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, more := range [][]string{nil, {"-n", "3"}} {
		var out, errs bytes.Buffer
		sh := shell{in: new(bytes.Buffer), out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
		args := append([]string{"watch", "mqtt://" + silent.Addr().String(), "--for", "300ms"}, more...)
		if code := run(t.Context(), args, sh); code != exitMissing || !strings.Contains(errs.String(), "it was not connected when the 300ms of --for were over") {
			t.Errorf("%v ended with %d: %s", args, code, errs.String())
		}
	}
}

// A message for hellox's own broker has hellox's limit; another broker has its own.
func TestPublishSize(t *testing.T) {
	for broker, want := range map[string]struct {
		code int
		said string
	}{
		"":                   {exitUsage, "topic and payload together have 262119 bytes; a hellox broker takes at most 262080"},
		"mqtt://127.0.0.1:1": {exitMissing, "refused"}, // it was tried
	} {
		var out, errs bytes.Buffer
		sh := shell{in: bytes.NewReader(make([]byte, 262_100)), out: &out, err: &errs, env: func(string) (string, bool) { return "", false }}
		if code := run(t.Context(), []string{"publish", "-", "--broker", broker}, sh); code != want.code || !strings.Contains(errs.String(), want.said) {
			t.Errorf("to %q it ended with %d: %s", broker, code, errs.String())
		}
	}
}
