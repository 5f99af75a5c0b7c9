package broadcast

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hellox/stream/streamtest"
)

// A fleet of which some stay without a connection says how many, which and why, once it
// stays so, and not with each look; of few each has said it.
func TestShortfall(t *testing.T) {
	var said strings.Builder
	f, err := newFleet(Options{ID: "press", Count: 500, Min: time.Second, Max: time.Second, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	f.connected = 498
	for _, id := range []string{"press-7", "press-8"} {
		f.shortfall.set(id, "refused")
	}
	f.look()
	if said.String() != "" {
		t.Errorf("at the first look it says %s", said.String())
	}
	for range 5 {
		f.look()
	}
	if got := said.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `connected=498 of=500`) || !strings.Contains(got, `without="press-7, press-8" cause=refused`) {
		t.Errorf("it says\n%s", got)
	}
	said.Reset()
	f.connected = 492
	for i := range 6 {
		f.shortfall.set(fmt.Sprint("press-1", i), []string{"refused", "no answer"}[i%2])
	}
	f.look()
	f.look()
	if got := said.String(); !strings.Contains(got, `without="press-10, press-11, press-12, and 5 more" cause="refused (5); no answer (3)"`) {
		t.Errorf("a minute later it says\n%s", got)
	}
	said.Reset()
	for id := range f.shortfall.causes {
		f.shortfall.set(id, "")
	}
	f.look()
	f.shortfall.set("press-7", "refused")
	f.look()
	f.size.Store(loggedEach)
	f.look()
	if said.String() != "" {
		t.Errorf("once all are connected, and of few, it says\n%s", said.String())
	}
}

// A broadcaster has no connection from its first failed attempt until one stands.
func TestShortfallFollowsConnections(t *testing.T) {
	b := startBroker(t)
	address := streamtest.FreeAddress(t)
	o := Options{ID: "press", Broker: b.broker(), Min: time.Hour, Max: time.Hour}
	for name, lacks := range map[string]bool{b.broker().Host: false, address: true} {
		o.Broker.Host = name
		f, err := newFleet(o)
		if err != nil {
			t.Fatal(err)
		}
		cancel, ended := streamtest.Background(t, func(ctx context.Context) error { f.run(ctx); return nil })
		streamtest.Eventually(t, "it is connected, or is not: "+name, func() bool {
			f.mu.Lock()
			connected := f.connected
			f.mu.Unlock()
			f.shortfall.mu.Lock()
			defer f.shortfall.mu.Unlock()
			return connected == map[bool]int{false: 1, true: 0}[lacks] && (len(f.shortfall.causes) == 1) == lacks
		})
		cancel()
		streamtest.Within(t, "the end", ended)
		if len(f.shortfall.causes) > 0 {
			t.Errorf("%s: after the end %v", name, f.shortfall.causes)
		}
	}
}
