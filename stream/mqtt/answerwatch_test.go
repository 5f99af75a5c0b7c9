package mqtt

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/stream/streamtest"
)

// A broker that has not acknowledged a message is asked for an answer when it is silent,
// and given up when it gives none. One that answers is kept, as long as it acknowledges
// nothing, and one that owes nothing is not asked.
func TestAnswerWatch(t *testing.T) {
	for _, c := range []struct {
		name          string
		owes, answers bool
		asked, kept   bool
	}{
		{"cut off", true, false, true, false},
		{"holds acknowledgements back", true, true, true, true},
		{"owes nothing", false, false, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				f := newFrameReader(client, 1<<10, 0, 64, 0)
				f.watch.owed = func() bool { return c.owes }
				var asked atomic.Int64
				go func() {
					var ping [2]byte
					for _, err := server.Write(welcome); err == nil; {
						if _, err = io.ReadFull(server, ping[:]); err == nil && ping[0] == packets.Pingreq<<4 {
							asked.Add(1)
							if c.answers {
								_, err = server.Write([]byte{packets.Pingresp << 4, 0})
							}
						}
					}
				}()
				ended := make(chan error, 1)
				go func() {
					_, err := io.Copy(io.Discard, f)
					ended <- err
				}()
				f.watch.begin()
				time.Sleep(time.Hour)
				kept := true
				select {
				case err := <-ended:
					kept = false
					if says := newLostError(err).cause; says != "the broker does not answer any more" {
						t.Errorf("the cause is %q", says)
					}
				default:
				}
				if kept != c.kept || asked.Load() > 0 != c.asked {
					t.Errorf("kept: %v, asked %d times", kept, asked.Load())
				}
				f.Close()
				server.Close()
			})
		})
	}
}

// A message whose handler keeps the connection from being read does not count as silence.
func TestAnswerWatchWaitsForTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		f := newFrameReader(client, 1<<10, 0, 64, 0)
		f.watch.owed = func() bool { return true }
		go func() { _, _ = io.Copy(io.Discard, server) }() // it is asked nothing
		f.watch.begin()
		time.Sleep(time.Hour) // nothing reads
		go func() {
			_, _ = server.Write(welcome)
			server.Close()
		}()
		if got, err := io.ReadAll(f); err != nil || string(got) != string(welcome) {
			t.Errorf("%x, %v", got, err)
		}
		f.Close()
	})
}

// TestUnacknowledgedPublish has a broker take a message and say nothing more, as one does
// whose machine is cut off. The keep alive is none, as of a fleet.
func TestUnacknowledgedPublish(t *testing.T) {
	c, err := Connect(t.Context(), ClientOptions{Broker: hostileBroker(t, welcome, nil), ClientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.frames.watch.every = 10 * time.Millisecond
	acked, err := c.Publish(Message{Topic: "a", QoS: 1})
	if err != nil {
		t.Fatal(err)
	}
	streamtest.Within(t, "the end of the connection", c.Lost())
	select {
	case <-acked:
		t.Error("the message counts as acknowledged")
	default:
	}
	if err := c.Err(); err.Error() != "the connection to the broker was lost: the broker does not answer any more" {
		t.Error(err)
	}
}
