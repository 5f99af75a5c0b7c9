package jetstream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hellox/history/historytest"
	"hellox/history/jetstream"
)

// BenchmarkIndexer has one receiver append what waits in the broker's stream, until its
// followers could see all of it.
func BenchmarkIndexer(b *testing.B) {
	const messages = 20_000
	for b.Loop() {
		b.StopTimer()
		r := newRig(b)
		fleet := &historytest.Fleet{Senders: 100}
		r.publish(fleet.Batch(messages)...)
		s, _ := r.open(jetstream.Options{})
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan struct{})
		b.StartTimer()
		go func() { s.Index(ctx); close(done) }()
		until(b, fmt.Sprintf("%d messages are stored", messages), func() bool { time.Sleep(5 * time.Millisecond); return lastID(b, s) >= messages })
		b.StopTimer()
		cancel()
		<-done
		b.StartTimer()
	}
	b.ReportMetric(float64(messages*b.N)/b.Elapsed().Seconds(), "msgs/s")
}
