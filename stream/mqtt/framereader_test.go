package mqtt

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/stream/streamtest"
)

// hostileBroker answers each connection's first packet with answer, and its
// second one (a SUBSCRIBE) with second.
func hostileBroker(t *testing.T, answer, second []byte) Broker {
	t.Helper()
	return hostileBrokerThat(t, answer, func([]byte) []byte { return second })
}

// hostileBrokerThat is hostileBroker with a second answer to the body of the second
// packet.
func hostileBrokerThat(t *testing.T, answer []byte, second func(body []byte) []byte) Broker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		ln.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(conn)
			for _, reply := range []func([]byte) []byte{func([]byte) []byte { return answer }, second} {
				body, err := readPacket(in)
				if err != nil {
					break
				}
				if _, err := conn.Write(reply(body)); err != nil {
					break
				}
			}
			_, _ = io.Copy(io.Discard, in) // until the other side has enough
			conn.Close()
		}
	}()
	return Broker{Scheme: "mqtt", Host: ln.Addr().String(), MaxPacket: 1 << 10}
}

// readPacket reads one packet of less than 16 KiB, and returns its body.
func readPacket(in *bufio.Reader) ([]byte, error) {
	if _, err := in.ReadByte(); err != nil {
		return nil, err
	}
	length, shift := 0, 0
	for {
		c, err := in.ReadByte()
		if err != nil {
			return nil, err
		}
		length |= int(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			break
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(in, body)
	return body, err
}

var welcome = []byte{0x20, 2, 0, 0}

func TestHostileBroker(t *testing.T) {
	suback := []byte{0x90, 5, 0, 1, 0, 0, 0} // of #, hellox/broker and hellox/refused/x
	for _, c := range []struct {
		name           string
		answer, second []byte
		says           string
	}{
		{"it is a web server", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, "it speaks HTTP there"},
		{"an unknown return code", []byte{0x20, 2, 0, 99}, nil, "unknown return code 99"},
		{"a CONNACK of 256 MiB", []byte{0x20, 0xff, 0xff, 0xff, 0x7f}, nil, "something else than the answer to CONNECT"},
		{"an endless length", []byte{0x20, 0xff, 0xff, 0xff, 0xff, 0xff}, nil, "more than four bytes"},
		{"a message before CONNACK", []byte{0x30, 4, 0, 1, 'a', 'b'}, nil, "something else than the answer to CONNECT"},
		{"a message of 256 MiB", welcome, []byte{0x30, 0xff, 0xff, 0xff, 0x7f}, "268435455 bytes, more than the 1024"},
		{"a SUBACK for topics not asked for", welcome, []byte{0x90, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0}, "SUBACK packet of 9 bytes"},
		{"a SUBACK for no topic", welcome, []byte{0x90, 2, 0, 1}, "SUBACK packet of 2 bytes"},
		{"a second CONNACK", welcome, welcome, "second CONNACK"},
		{"QoS 3", welcome, []byte{0x36, 5, 0, 1, 'a', 0, 1}, "QoS 3"},
		{"a client's packet", welcome, []byte{0x82, 0}, "which no broker sends"},
		{"a PUBACK with a body", welcome, []byte{0x40, 3, 0, 1, 0}, "PUBACK packet of 3 bytes"},
		{"a topic longer than its packet", welcome, append(suback, 0x30, 4, 0xff, 0xff, 'a', 'b'), ""},
		{"a topic that is not UTF-8", welcome, append(suback, 0x30, 3, 0, 1, 0xff), "not UTF-8"},
		{"a topic with a wildcard", welcome, append(suback, 0x30, 3, 0, 1, '#'), "wildcard"},
		{"it hangs up politely", welcome, append(suback, 0xe0, 0), "the broker closed the connection"},
		{
			"it says why it hangs up", welcome,
			slices.Concat(suback, publishPacket("hellox/refused/x", `{"reason":"topic has 17 levels; at most 16"}`), []byte{0xe0, 0}),
			"the broker closed the connection: topic has 17 levels; at most 16",
		},
		{
			"it says why it hangs up on another", welcome,
			slices.Concat(suback, publishPacket("hellox/refused/y", `{"reason":"topic has 17 levels; at most 16"}`), []byte{0xe0, 0}),
			"the broker closed the connection",
		},
	} {
		// At QoS 0 the frameReader reads the messages, at QoS 1 paho does.
		for qos := range byte(2) {
			t.Run(fmt.Sprintf("%s, QoS %d", c.name, qos), func(t *testing.T) { hostile(t, c.answer, c.second, c.says, qos) })
		}
	}
}

func hostile(t *testing.T, answer, second []byte, says string, qos byte) {
	b := hostileBroker(t, answer, second)
	tell, links := streamtest.LinkLog()
	s := &subscriber{SubscribeOptions: SubscribeOptions{Broker: b, ClientID: "x", Topics: []string{"#"}, QoS: qos, Now: time.Now}, out: make(chan stream.Arrival, 10), keepAlive: KeepAlive, answerTimeout: dialTimeout}
	s.Link = tell
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	streamtest.Background(t, s.run)
	l := streamtest.AwaitLink(t, links, stream.Retrying)
	runtime.ReadMemStats(&after)
	if !strings.Contains(l.Cause, says) || strings.HasPrefix(says, "the broker") && l.Cause != says || safetext.Clean(l.Cause) != l.Cause {
		t.Errorf("the cause is %q, not %q", l.Cause, says)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("it made us allocate %d bytes", grown)
	}
}

// TestConnectNoticed has connections lost before and after the answer to SUBSCRIBE.
func TestConnectNoticed(t *testing.T) {
	for answered, want := range map[bool][]bool{true: {false}, false: {false, true}} {
		c := &Client{frames: &frameReader{}}
		c.frames.answered.Store(answered)
		var unnoticed []bool
		_, err := connectNoticed(func(u bool) (*Client, error) {
			unnoticed = append(unnoticed, u)
			return nil, c.lostAsking(io.EOF)
		})
		if !errors.Is(err, ErrLost) || !slices.Equal(unnoticed, want) {
			t.Errorf("answered %v: %v, %v", answered, unnoticed, err)
		}
	}
}

// TestNoticesAreAskedForAgain has a broker close each connection right after the
// answer to SUBSCRIBE. It has not done so because of the notices: the next connection
// asks for them again.
func TestNoticesAreAskedForAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer []byte
		asks   []bool // for the notices, of the first connections
	}{
		{"it grants", []byte{0x90, 5, 0, 1, 0, 0, 0, 0xe0, 0}, []bool{true, true, true}},
		{"it hangs up instead", []byte{0xe0, 0}, []bool{true, false, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := make(chan bool, 100)
			b := hostileBrokerThat(t, welcome, func(subscribe []byte) []byte {
				select {
				case asked <- bytes.Contains(subscribe, []byte("hellox/refused/x")):
				default:
				}
				return c.answer
			})
			s := &subscriber{SubscribeOptions: SubscribeOptions{Broker: b, ClientID: "x", Topics: []string{"#"}, Now: time.Now}, out: make(chan stream.Arrival, 10), keepAlive: KeepAlive, answerTimeout: dialTimeout}
			streamtest.Background(t, s.run)
			for n, want := range c.asks {
				if got := streamtest.Within(t, "a SUBSCRIBE", asked); got != want {
					t.Errorf("connection %d: it asks for the notices: %v", n+1, got)
				}
			}
		})
	}
}

// publishPacket returns a message at QoS 0, of less than 128 bytes.
func publishPacket(topic, payload string) []byte {
	b := append([]byte{0x30, byte(2 + len(topic) + len(payload)), 0, byte(len(topic))}, topic...)
	return append(b, payload...)
}

// TestBrokerState reads how a broker is, which comes with the answer to
// SUBSCRIBE, is no message of the stream, and is forgotten if the next
// connection does not bring it again.
func TestBrokerState(t *testing.T) {
	suback := []byte{0x90, 5, 0, 1, 0, 0, 0}
	for _, c := range []struct {
		name, topic string
		packets     []byte
		want        []string
		arrives     string // the first message
	}{
		{"degraded", "a", slices.Concat(publishPacket("hellox/broker", `{"degraded":"the disk is full"}`), publishPacket("a", "1")), []string{"the disk is full"}, "a"},
		{"over", "a", slices.Concat(publishPacket("hellox/broker", `{"degraded":"the disk is full"}`), publishPacket("hellox/broker", ""), publishPacket("a", "1")), []string{"the disk is full", ""}, "a"},
		{"well", "a", publishPacket("a", "1"), []string{""}, "a"},
		{"asked for", "#", publishPacket("hellox/broker", `{"degraded":"the disk is full"}`), []string{"the disk is full"}, "hellox/broker"},
	} {
		t.Run(c.name, func(t *testing.T) {
			states := make(chan stream.BrokerState, 10)
			out := make(chan stream.Arrival, 10)
			broker := hostileBroker(t, welcome, append(suback, c.packets...))
			streamtest.Background(t, func(ctx context.Context) error {
				return Subscribe(ctx, SubscribeOptions{
					Broker: broker, ClientID: "x", Topics: []string{c.topic}, BrokerState: func(s stream.BrokerState) { states <- s },
				}, out)
			})
			for _, want := range c.want {
				if s := streamtest.Within(t, "the state", states); s.Degraded != want {
					t.Errorf("the state is %q, want %q", s.Degraded, want)
				}
			}
			if a := streamtest.Within(t, "the message", out); a.Topic != c.arrives {
				t.Errorf("%s arrives, want %s", a.Topic, c.arrives)
			}
		})
	}
}

// A broker that sends nothing any more is noticed, by the answer to a ping.
func TestKeepAliveMissesTheBroker(t *testing.T) {
	b := hostileBroker(t, welcome, []byte{0x90, 5, 0, 1, 0, 0, 0})
	tell, links := streamtest.LinkLog()
	s := &subscriber{SubscribeOptions: SubscribeOptions{Broker: b, ClientID: "x", Topics: []string{"#"}, Now: time.Now}, out: make(chan stream.Arrival), keepAlive: time.Second, answerTimeout: dialTimeout}
	s.Link = tell
	streamtest.Background(t, s.run)
	streamtest.AwaitLink(t, links, stream.Connected)
	if l := streamtest.AwaitLink(t, links, stream.Retrying); l.Cause != "the broker does not answer any more" {
		t.Errorf("the cause is %q", l.Cause)
	}
}

func TestFrameReaderPassesBytesThrough(t *testing.T) {
	// Packets cut at every place come out as they went in.
	stream := append([]byte{}, welcome...)
	stream = append(stream, 0x90, 3, 0, 1, 0)
	stream = append(stream, 0x30, 0x80|5, 1, 0, 1, 'a')
	stream = append(stream, make([]byte, 128+5-3)...)
	stream = append(stream, 0xd0, 0, 0x40, 2, 0, 1, 0xb0, 2, 0, 1)
	for step := 1; step <= len(stream); step++ {
		client, server := net.Pipe()
		g := newFrameReader(client, 1<<10, 1, 64, 0)
		go func() {
			for rest := stream; len(rest) > 0; {
				n, err := server.Write(rest[:min(step, len(rest))])
				if err != nil {
					return
				}
				rest = rest[n:]
			}
			server.Close()
		}()
		got, err := io.ReadAll(g)
		if err != nil || string(got) != string(stream) {
			t.Fatalf("in steps of %d: %x (%v)", step, got, err)
		}
		g.Close()
	}
}

// Messages at QoS 0 go to direct, whole and in order, however they are cut; all else
// is passed through.
func TestFrameReaderDirect(t *testing.T) {
	pings := []byte{0xd0, 0, 0xd0, 0}
	other := []byte{0x32, 6, 0, 1, 'q', 0, 7, '1'} // at QoS 1
	retained := publishPacket("b", "3")
	retained[0] |= 1
	in := slices.Concat(welcome, publishPacket("a/b", "1"), publishPacket("a/b", ""), pings, publishPacket("hellox/broker", `{}`), other, retained)
	want := []string{"a/b=1", "a/b=", "notice hellox/broker={}", "hellox/broker={}", "b=3 retained"}
	for step := 1; step <= len(in); step++ {
		client, server := net.Pipe()
		g := newFrameReader(client, 1<<10, 1, 16, 0)
		var got []string
		g.direct = func(topic string, payload []byte, retained bool) {
			got = append(got, topic+"="+string(payload)+map[bool]string{true: " retained"}[retained])
		}
		g.notice = func(topic string, payload []byte) { got = append(got, "notice "+topic+"="+string(payload)) }
		go func() {
			for part := range slices.Chunk(in, step) {
				if _, err := server.Write(part); err != nil {
					return
				}
			}
			server.Close()
		}()
		passed, err := io.ReadAll(g)
		if err != nil || !bytes.Equal(passed, slices.Concat(welcome, pings, other)) || !slices.Equal(got, want) {
			t.Fatalf("in steps of %d: %q, and passed through %x (%v)", step, got, passed, err)
		}
		g.Close()
	}
}

// A flow is a network connection on which packets come one by one.
type flow struct {
	net.Conn
	packets chan []byte
	reads   int
}

// Read returns all that has come.
func (c *flow) Read(p []byte) (n int, err error) {
	c.reads++
	packet, open := <-c.packets
	for open {
		n += copy(p[n:], packet)
		select {
		case packet, open = <-c.packets:
		default:
			return n, nil
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *flow) Close() error { return nil }

// The messages of a flood are gathered, and are a moment late at most; one of a
// slower stream is read when it comes.
func TestFrameReaderGathersAFlood(t *testing.T) {
	for _, c := range []struct {
		every, late time.Duration
		most        int // reads
	}{{10 * time.Microsecond, gather, 1100}, {200 * time.Microsecond, 0, 5010}} {
		synctest.Test(t, func(t *testing.T) {
			const count = 5000
			conn := &flow{packets: make(chan []byte, count)}
			g := newFrameReader(conn, 1<<10, 1, 64<<10, 0)
			n := 0
			g.direct = func(_ string, payload []byte, _ bool) {
				n++
				nanos, err := strconv.ParseInt(string(payload), 10, 64)
				if late := time.Since(time.Unix(0, nanos)); late > c.late || err != nil {
					t.Errorf("message %d every %s is read after %s (%v)", n, c.every, late, err)
				}
			}
			conn.packets <- welcome
			go func() {
				defer close(conn.packets)
				for range count {
					time.Sleep(c.every) // also after the answer to CONNECT
					conn.packets <- publishPacket("a", strconv.FormatInt(time.Now().UnixNano(), 10))
				}
			}()
			if _, err := io.Copy(io.Discard, g); err != nil || n != count || conn.reads > c.most {
				t.Errorf("every %s: %d messages, %d reads, %v", c.every, n, conn.reads, err)
			}
		})
	}
}

func FuzzFrameReader(f *testing.F) {
	f.Add(welcome)
	f.Add(append(append([]byte{}, welcome...), 0x30, 0xff, 0xff, 0xff, 0x7f))
	f.Add([]byte("\x15\x03")) // a TLS alert
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = server.Write(data)
			server.Close()
		}()
		g := newFrameReader(client, 100, 1, 16, 0)
		defer g.Close()
		got, err := io.ReadAll(g)
		if !strings.HasPrefix(string(data), string(got)) {
			t.Fatalf("%x came out of %x", got, data)
		}
		_, other := errors.AsType[speaks](err) // another protocol than MQTT
		if err != nil && !other && !errors.Is(err, errMalformed) && !isClosed(err) {
			t.Fatal(err)
		}
	})
}
