package broadcast

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/streamtest"
)

// TestTotal runs a fleet in three processes, as it were: its broadcasters publish under
// the IDs that one process would give them, each once, and the third has none.
func TestTotal(t *testing.T) {
	const total = stream.ShareSize + 3
	b := startBroker(t)
	var mu sync.Mutex
	of := map[string]string{} // by broadcaster, its process
	all := make(chan struct{})
	run := func(id string) (cancel func(), ended <-chan error) {
		return streamtest.Background(t, func(ctx context.Context) error {
			return Run(ctx, Options{Broker: b.broker(), ID: id, Total: total, Min: time.Hour, Max: time.Hour, QoS: 1, Acked: func(sender string, h stream.Hello) {
				mu.Lock()
				defer mu.Unlock()
				if of[sender] != "" || h.Sender != sender {
					t.Errorf("%s publishes for %s, as %s does", id, sender, of[sender])
				}
				of[sender] = id
				if len(of) == total {
					close(all)
				}
			}})
		})
	}
	var ends []<-chan error
	var cancels []func()
	for _, id := range []string{"press-0", "press-1", "press-2"} {
		cancel, ended := run(id)
		cancels, ends = append(cancels, cancel), append(ends, ended)
	}
	streamtest.Within(t, "a message of each", all)
	for i, cancel := range slices.Backward(cancels) {
		cancel()
		if err := streamtest.Within(t, "the end", ends[i]); err != nil {
			t.Error(err)
		}
	}
	for i := range total {
		if id := "press-" + strconv.Itoa(i); of[id] != "press-"+strconv.Itoa(i/stream.ShareSize) {
			t.Errorf("%s is published by %q", id, of[id])
		}
	}
}

// TestTotals changes the total of a process while it runs: those that stay are not
// started anew, those that are no more say that they are gone, and those that come back
// begin once the ones before have ended.
func TestTotals(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.PresenceTopic("+"))
	states := map[string]string{} // by presence topic
	state := func(id string) string {
		for {
			select {
			case a := <-out:
				var p stream.Presence
				if json.Unmarshal(a.Payload, &p) == nil {
					states[a.Topic] = p.State
				}
			default:
				return states[stream.PresenceTopic(id)]
			}
		}
	}
	totals := make(chan int)
	boots := map[string]map[string]bool{} // by broadcaster, each start of it
	var mu sync.Mutex
	heard := func(id string) int {
		mu.Lock()
		defer mu.Unlock()
		return len(boots[id])
	}
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "press-1", Totals: totals, Min: 10 * time.Millisecond, Max: 20 * time.Millisecond, QoS: 1, Acked: func(id string, h stream.Hello) {
			mu.Lock()
			defer mu.Unlock()
			if boots[id] == nil {
				boots[id] = map[string]bool{}
			}
			boots[id][h.Boot] = true
		}})
	})
	streamtest.Eventually(t, "it is the only one of its pod", func() bool { return heard("press-1") == 1 })
	for _, change := range []struct {
		total int
		want  map[string]int // starts until now
		gone  []string
	}{
		{502, map[string]int{"press-1": 1, "press-500": 1, "press-501": 1}, []string{"press-1"}},
		{501, map[string]int{"press-500": 1, "press-501": 1}, []string{"press-501"}},
		{503, map[string]int{"press-500": 1, "press-501": 2, "press-502": 1}, nil},
		{7, map[string]int{"press-500": 1}, []string{"press-500", "press-501", "press-502"}},
		{0, map[string]int{"press-1": 2}, nil},
	} {
		totals <- change.total
		for id, n := range change.want {
			streamtest.Eventually(t, id+" is heard", func() bool { return heard(id) == n })
		}
		for _, id := range change.gone {
			streamtest.Eventually(t, id+" is gone", func() bool { return state(id) == "gone" })
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(boots) != 4 {
		t.Errorf("others are heard: %v", boots)
	}
}
