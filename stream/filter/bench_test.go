package filter

import (
	"bytes"
	"fmt"
	"testing"

	"hellox/stream"
)

// benchMessages are as a scan of the history sees them: payloads of 4 KiB, text
// and JSON, in which nothing is found.
func benchMessages() []*stream.Message {
	messages := make([]*stream.Message, 256)
	for i := range messages {
		sender := fmt.Sprintf("press-%d", i%32)
		text := bytes.Repeat([]byte(fmt.Sprintf("The quick brown fox %d jumps over the lazy dog. ", i)), 100)[:4000]
		payload := fmt.Appendf(nil, `{"text":%q,"sender":%q,"items":[{"id":%d,"temp":21.5}],"temp":%d.25}`, text, sender, i, i%40)
		messages[i] = &stream.Message{Topic: "hello_world/broadcast/" + sender, Sender: sender, Payload: payload}
	}
	return messages
}

// BenchmarkScan matches messages of 4 KiB, the work of a scan besides reading.
func BenchmarkScan(b *testing.B) {
	messages := benchMessages()
	for _, expression := range []string{"elephant", "payload:elephant", `payload:~"(?i)elephant"`, "sender:press-?9*", "topic:hello_world/+/press-99", "payload.temp>=99", "payload.items[0].id=999"} {
		f, err := Parse(expression)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expression, func(b *testing.B) {
			b.SetBytes(int64(len(messages[0].Payload)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f.Match(messages[i%len(messages)])
				i++
			}
		})
	}
}
