package historytest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/history"
	"hellox/stream"
)

// Epoch is about when what the tests append was received.
var Epoch = time.Now().UTC().Add(-time.Minute).Truncate(time.Second)

// An Appender is a store that a test can fill.
type Appender interface {
	history.Store
	Append(ctx context.Context, arrivals []stream.Arrival) error
	SetLink(stream.Link)
	SetBroker(stream.BrokerState)
}

// BootName is the ULID of a start, n milliseconds after Epoch.
func BootName(n int) string {
	return ulid.MustNew(uint64(Epoch.UnixMilli()+int64(n)), zeros{}).String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Nothing acknowledges an arrival to no broker.
func Nothing() {}

// Hello is a broadcast of ours, received after some milliseconds.
func Hello(sender string, seq uint64, ms int) stream.Arrival {
	at := Epoch.Add(time.Duration(ms) * time.Millisecond)
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: BootName(0), Seq: seq, Sent: at.Add(-2 * time.Millisecond), Next: 5 * time.Second, Color: "#7fb069"}
	return stream.Arrival{Topic: stream.BroadcastTopic(sender), Payload: h.AppendJSON(nil), QoS: 1, Received: at, Ack: Nothing}
}

// Foreign is a message that is not ours, received after some milliseconds.
func Foreign(topic, payload string, ms int) stream.Arrival {
	return stream.Arrival{Topic: topic, Payload: []byte(payload), Received: Epoch.Add(time.Duration(ms) * time.Millisecond), Ack: Nothing}
}

// AppendAll appends arrivals, or ends the test.
func AppendAll(t testing.TB, a Appender, arrivals ...stream.Arrival) {
	t.Helper()
	if err := a.Append(t.Context(), arrivals); err != nil {
		t.Fatal(err)
	}
}

// Fleet makes arrivals of many senders in turn, with payloads of about 176
// bytes.
type Fleet struct {
	Senders int
	N       int
}

// Batch returns the next arrivals.
func (f *Fleet) Batch(size int) []stream.Arrival {
	batch := make([]stream.Arrival, size)
	for i := range batch {
		batch[i] = Hello(fmt.Sprintf("broadcast-%d", f.N%f.Senders), uint64(f.N/f.Senders+1), f.N)
		f.N++
	}
	return batch
}
