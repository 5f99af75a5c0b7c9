package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
)

// told is a step.Reporter that keeps what it was told.
type told struct {
	lines  []string
	enough func() // nil, or called once there is progress
}

func (t *told) Begin(string)      {}
func (t *told) Done(string, bool) {}
func (t *told) Fail(error)        {}
func (t *told) Note(string)       {}
func (t *told) Warn(s string)     { t.lines = append(t.lines, "warning: "+s) }
func (t *told) Progress(s string) {
	t.lines = append(t.lines, s)
	if t.enough != nil {
		t.enough()
	}
}
func (t *told) once() (s []string) { return slices.Compact(slices.Clone(t.lines)) }

// TestWaitForStream waits for a receiver whose broker is not found yet, and says so: what
// is published after an up is stored. It used to be given up after 5 s without a word,
// and in an up that found its forwards held by another process it was not looked at.
func TestWaitForStream(t *testing.T) {
	t.Parallel()
	const cause = `the name server does not answer for "broker"`
	links := []stream.Link{{State: stream.Connecting}, {State: stream.Retrying, Cause: cause}, {State: stream.Retrying, Cause: cause}, {State: stream.Connected}}
	var asked atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1)) // the first is Open's
		json.NewEncoder(w).Encode(history.Stats{Link: links[min(max(n-2, 0), len(links)-1)]})
	}))
	defer receiver.Close()
	var to told
	if err := waitForStream(t.Context(), receiver.URL, &to); err != nil {
		t.Fatal(err)
	}
	const missing = "the receiver has no connection to the broker yet"
	if want := []string{missing, missing + ": " + cause}; !slices.Equal(to.once(), want) {
		t.Errorf("told %q, want %q", to.once(), want)
	}

	links = []stream.Link{{State: stream.Retrying, Cause: cause}}
	client, err := remote.Open(t.Context(), receiver.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	soon, cancel := context.WithCancel(t.Context())
	defer cancel()
	to.enough = cancel
	if got := awaitLink(soon, client, &to); !strings.HasSuffix(got, cause) {
		t.Errorf("a receiver without a broker: %q", got)
	}
}
