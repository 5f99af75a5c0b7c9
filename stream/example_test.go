package stream_test

import (
	"fmt"
	"time"

	"hellox/stream"
)

// A broadcaster publishes a Hello; the receiver parses it.
func ExampleParseHello() {
	h := stream.Hello{
		Text: "Hello world", Sender: "broadcast-0", Boot: "01K3XW0000ABCDEFGHJKMNPQRS", Seq: 1,
		Sent: time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC), Next: 4 * time.Second,
	}
	payload := h.AppendJSON(nil)
	fmt.Printf("%s\n", payload)

	got, ok := stream.ParseHello(payload)
	fmt.Println(got.Text, got.Seq, got.Next, ok)
	_, ok = stream.ParseHello([]byte("21.5"))
	fmt.Println(ok)
	// Output:
	// {"text":"Hello world","sender":"broadcast-0","boot":"01K3XW0000ABCDEFGHJKMNPQRS","seq":1,"sent":"2026-05-04T14:00:00.000000000Z","next_ms":4000}
	// Hello world 1 4s true
	// false
}

func ExampleParseCommand() {
	c, err := stream.ParseCommand("interval", "200ms", "2s")
	fmt.Println(c.Do, c.Min, c.Max, err)
	_, err = stream.ParseCommand("interval", "2s", "200ms")
	fmt.Println(err)
	// Output:
	// interval 200ms 2s <nil>
	// the longest interval, 200ms, is shorter than the shortest, 2s
}

func ExampleMatchTopic() {
	fmt.Println(stream.MatchTopic("hello_world/+/press-1", "hello_world/broadcast/press-1"))
	fmt.Println(stream.MatchTopic(stream.TopicStream, "hello_world"))
	fmt.Println(stream.MatchTopic("#", "$SYS/uptime"))
	// Output:
	// true
	// true
	// false
}

// What is invisible, or would be executed by a terminal, is escaped.
func ExampleAppendString() {
	fmt.Printf("%s\n", stream.AppendString(nil, "a\x1b[31mb\u202e"))
	// Output: "a\u001b[31mb\u202e"
}
