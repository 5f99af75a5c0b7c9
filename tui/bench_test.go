package tui

import (
	"fmt"
	"testing"

	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/tui/source"
	"hellox/tui/tuitest"
)

// BenchmarkFold takes 100,000 messages of 1,000 senders in, in batches as they
// come from a feed, with everything that is stored about them.
func BenchmarkFold(b *testing.B) {
	const messages, batch = 100_000, 2000
	all := series(1, messages)
	events := make([]history.Event, messages)
	for i := range all {
		all[i].Sender = fmt.Sprintf("press-%d", i%1000)
		all[i].Topic = "hello_world/broadcast/" + all[i].Sender
		events[i].Message = &all[i]
	}
	for b.Loop() {
		s := open(b, tuitest.NewStore(), termenv.TrueColor, 160, 50, func(o *Options) { o.Memory = DefaultMemory })
		for i := 0; i < messages; i += batch {
			s.send(source.EventsMsg{Gen: s.m.shared.gen, Events: events[i : i+batch]})
		}
		if n := len(s.m.list.items); n != messages {
			b.Fatalf("%d messages are held", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/messages, "ns/message")
}

// BenchmarkView paints a frame of 100,000 messages held.
func BenchmarkView(b *testing.B) {
	for _, size := range []struct{ w, h int }{{80, 24}, {160, 50}, {300, 100}} {
		b.Run(fmt.Sprintf("%dx%d", size.w, size.h), func(b *testing.B) {
			s := open(b, plant(), termenv.TrueColor, size.w, size.h, func(o *Options) { o.Memory = DefaultMemory })
			all := series(100, 100_099)
			events := make([]history.Event, len(all))
			for i := range all {
				events[i].Message = &all[i]
			}
			s.send(source.EventsMsg{Gen: s.m.shared.gen, Events: events})
			b.ReportAllocs()
			for b.Loop() {
				s.m.View()
			}
		})
	}
}

// BenchmarkLargePayload paints a list of messages of 256 KiB each.
func BenchmarkLargePayload(b *testing.B) {
	all := series(1, 50)
	for i := range all {
		all[i].Ours, all[i].Payload = false, make([]byte, 256<<10)
	}
	store := tuitest.NewStore()
	store.Say(all...)
	s := open(b, store, termenv.TrueColor, 80, 24, func(o *Options) { o.Memory = DefaultMemory })
	for b.Loop() {
		s.m.View()
	}
}
