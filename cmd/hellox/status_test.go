package main

import (
	"strings"
	"testing"
	"time"

	"hellox/bootstrap/install"
	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/stream"
)

// Of the broadcasters that were asked for, those that are paused and have never been
// heard are no senders; they are counted all the same.
func TestStatusCountsPausedBroadcasters(t *testing.T) {
	now := time.Now()
	asked := 3
	s := installationStatus{Broadcasters: &asked, Senders: []stream.Sender{
		{Sender: "broadcast-0", Ours: true, State: stream.OnTime, LastSeen: now},
		{Sender: "broadcast-1", Ours: true, State: stream.Paused, LastSeen: now},
		{Sender: "broadcast-3", Ours: true, State: stream.Silent, LastSeen: now}, // of a larger number, before
		{Sender: "hello_world/lamp", State: stream.OnTime, LastSeen: now},
	}}
	for _, c := range []struct {
		stats *history.Stats
		want  string
	}{
		{&history.Stats{Paused: 1}, "  3 broadcasters asked for, 2 heard, 1 paused and not heard yet\n"},
		{&history.Stats{}, "  3 broadcasters asked for, 2 heard\n"},
		{nil, "  3 broadcasters asked for\n"},
	} {
		s.Stats = c.stats
		var b strings.Builder
		s.print(&b, now, false)
		if !strings.Contains(b.String(), c.want) {
			t.Errorf("it prints\n%swithout\n%s", b.String(), c.want)
		}
	}
}

func TestStatusOfCertificates(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for left, want := range map[time.Duration]string{
		61 * day: "",
		59 * day: "they end on 2027-01-27; hellox up --target kind --profile demo --namespace press renews them",
		-day:     "they ended on 2026-11-28; hellox up --target kind --profile demo --namespace press renews them",
	} {
		s := installationStatus{Installation: state.Installation{Target: "kind", Profile: "demo", Namespace: "press"}, Certificates: newCertificates(now.Add(left), now)}
		var text strings.Builder
		s.print(&text, now, false)
		if got := text.String(); (want == "") == strings.Contains(got, "certificates") || !strings.Contains(got, want) {
			t.Errorf("%s before the end:\n%s", left, got)
		}
	}
	if newCertificates(time.Time{}, now) != nil {
		t.Error("there are certificates without an end")
	}
}

// A broker without TLS is told in red where there are colours.
func TestStatusOfAnOpenBroker(t *testing.T) {
	s := installationStatus{Pods: &install.Status{Open: true}}
	for colours, want := range map[bool]string{true: "\x1b[31mopen: the broker has no TLS", false: "  open: the broker has no TLS"} {
		var text strings.Builder
		s.print(&text, time.Now(), colours)
		if !strings.Contains(text.String(), want) || !colours && strings.Contains(text.String(), "\x1b") {
			t.Errorf("colours %v: %q", colours, text.String())
		}
	}
}
