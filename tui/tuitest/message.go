package tuitest

import (
	"time"

	"hellox/stream"
)

// At is the time at which the tests begin.
var At = time.Date(2026, 11, 24, 14, 2, 31, 114e6, time.UTC)

// Hello returns a message of a hellox broadcaster, received since after the one
// before it and took after it was sent.
func Hello(sender string, seq uint64, received time.Time, since, took time.Duration) stream.Message {
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: "01JDFQK3V0000000000000000" + "A", Seq: seq, Sent: received.Add(-took)}
	any := since
	if since != stream.None {
		any = (since / 3).Truncate(time.Microsecond)
	}
	return stream.Message{
		Topic: stream.BroadcastTopic(sender), Payload: h.AppendJSON(nil), QoS: 1, Received: received,
		Sender: sender, Delta: since, DeltaAny: any,
		Ours: true, Text: h.Text, Boot: h.Boot, Seq: seq, Latency: took,
	}
}
