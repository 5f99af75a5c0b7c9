package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
)

var epoch = time.Now().UTC().Add(-time.Minute).Truncate(time.Second)

// An appender is a store that a test can fill.
type appender interface {
	Store
	Append(ctx context.Context, arrivals []stream.Arrival) error
	SetLink(stream.Link)
}

func bootName(n int) string {
	return ulid.MustNew(uint64(epoch.UnixMilli()+int64(n)), zeros{}).String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func nothing() {}

// hello is a broadcast of ours, received after some milliseconds.
func hello(sender string, seq uint64, ms int) stream.Arrival {
	at := epoch.Add(time.Duration(ms) * time.Millisecond)
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: bootName(0), Seq: seq, Sent: at.Add(-2 * time.Millisecond), Next: 5 * time.Second, Color: "#7fb069"}
	return stream.Arrival{Topic: "hello_world/broadcast/" + sender, Payload: h.AppendJSON(nil), QoS: 1, Received: at, Ack: nothing}
}

func foreign(topic, payload string, ms int) stream.Arrival {
	return stream.Arrival{Topic: topic, Payload: []byte(payload), Received: epoch.Add(time.Duration(ms) * time.Millisecond), Ack: nothing}
}

func appendAll(t testing.TB, a appender, arrivals ...stream.Arrival) {
	t.Helper()
	if err := a.Append(t.Context(), arrivals); err != nil {
		t.Fatal(err)
	}
}

// fleet makes arrivals of many senders in turn, with payloads of about 176
// bytes.
type fleet struct {
	senders int
	n       int
}

func (f *fleet) batch(size int) []stream.Arrival {
	batch := make([]stream.Arrival, size)
	for i := range batch {
		batch[i] = hello(fmt.Sprintf("broadcast-%d", f.n%f.senders), uint64(f.n/f.senders+1), f.n)
		f.n++
	}
	return batch
}
