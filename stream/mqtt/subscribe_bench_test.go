package mqtt

import (
	"context"
	"testing"

	"hellox/stream"
	"hellox/stream/streamtest"
)

// BenchmarkSubscribe compares acknowledging by hand in batches, as the receiver
// does after each commit, with letting paho acknowledge each message. The
// broker is in this process and never has more than a window under way.
func BenchmarkSubscribe(b *testing.B) {
	for _, c := range []struct {
		name       string
		persistent bool
		batch      int
	}{{"automatic", false, 1}, {"batches of 1", true, 1}, {"batches of 100", true, 100}, {"batches of 1000", true, Window}} {
		b.Run(c.name, func(b *testing.B) {
			broker := startBroker(b)
			out := make(chan stream.Arrival, 2*Window)
			links := make(chan stream.Link, 100)
			streamtest.Background(b, func(ctx context.Context) error {
				return Subscribe(ctx, SubscribeOptions{
					Broker: broker.broker(), ClientID: "bench", Topics: []string{"#"}, QoS: 1, Persistent: c.persistent,
					Link: func(l stream.Link) { links <- l },
				}, out)
			})
			streamtest.AwaitLink(b, links, stream.Connected)
			payload := make([]byte, 160)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			b.ResetTimer()
			window := make(chan struct{}, 2*Window)
			go func() {
				for range b.N {
					window <- struct{}{}
					broker.Publish("hello_world/bench", string(payload), false, 1)
				}
			}()
			acks := make([]func(), 0, c.batch)
			for i := range b.N {
				a := <-out
				<-window
				if acks = append(acks, a.Ack); len(acks) == c.batch || i == b.N-1 {
					for _, ack := range acks {
						ack()
					}
					acks = acks[:0]
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}
