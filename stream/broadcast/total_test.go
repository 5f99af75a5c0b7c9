package broadcast

import (
	"context"
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
