package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Ready is the text of the retained message by which a reader shows that it is
// subscribed.
const Ready = "ready"

// A Broker is a mosquitto on loopback.
type Broker struct {
	Port string
	cmd  *exec.Cmd
}

// Start starts a mosquitto that holds one retained message and whose queues have no
// limit. Its configuration is written into dir.
func Start(ctx context.Context, dir string) (*Broker, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ln.Close()
	conf := filepath.Join(dir, "mosquitto.conf")
	text := "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\nlistener " + port + " 127.0.0.1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on the PATH of every user
	}
	b := &Broker{port, exec.CommandContext(ctx, path, "-c", conf)}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		err = exec.CommandContext(ctx, "mosquitto_pub", "-p", port, "-t", "bench", "-m", Ready, "-r", "-q", "1").Run()
		if err == nil {
			return b, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Close()
	return nil, fmt.Errorf("publish to mosquitto: %w", err)
}

// URL returns the broker's URL.
func (b *Broker) URL() string { return "mqtt://127.0.0.1:" + b.Port }

// Close ends the broker.
func (b *Broker) Close() { _ = b.cmd.Process.Kill(); _ = b.cmd.Wait() }

// Publish publishes n messages of ten broadcasters: rate a second, or as fast as they
// go if rate is 0.
func (b *Broker) Publish(ctx context.Context, n, rate, qos int) error {
	if qos == 0 {
		return b.publishDirectly(ctx, n, rate)
	}
	publisher := exec.CommandContext(ctx, "mosquitto_pub", "-p", b.Port, "-t", topic, "-l", "-q", strconv.Itoa(qos))
	in, err := publisher.StdinPipe()
	if err != nil {
		return err
	}
	if err := publisher.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<16)
	err = messages(n, rate, w, func(payload []byte) error {
		_, err := w.Write(append(payload, '\n'))
		return err
	})
	return errors.Join(err, w.Flush(), in.Close(), publisher.Wait())
}

// topic is that of all messages.
const topic = "hello_world/broadcast/bench"

// publishDirectly publishes at QoS 0, many messages in one write: mosquitto_pub takes as
// much of the machine as some of the readers that are measured.
func (b *Broker) publishDirectly(ctx context.Context, n, rate int) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+b.Port)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	// CONNECT of MQTT 3.1.1 with a clean session, no keep alive and no client ID.
	if _, err := conn.Write([]byte("\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00")); err != nil {
		return err
	}
	var welcome [4]byte
	if _, err := io.ReadFull(conn, welcome[:]); err != nil || welcome != [4]byte{0x20, 2, 0, 0} {
		return fmt.Errorf("connect to mosquitto: it answers %x: %w", welcome, err)
	}
	w := bufio.NewWriterSize(conn, 16<<10)
	var packet []byte
	err = messages(n, rate, w, func(payload []byte) error {
		length := 2 + len(topic) + len(payload) // two bytes: of 128 and more
		packet = append(packet[:0], 0x30, byte(length&0x7f|0x80), byte(length>>7), 0, byte(len(topic)))
		packet = append(append(packet, topic...), payload...)
		_, err := w.Write(packet)
		return err
	})
	_, bye := w.Write([]byte{0xe0, 0})
	return errors.Join(err, bye, w.Flush())
}

// messages calls write with the payloads of n messages, and flushes as the rate says.
func messages(n, rate int, w *bufio.Writer, write func(payload []byte) error) error {
	boot := fmt.Sprintf("%026d", time.Now().UnixNano())
	began := time.Now()
	var b []byte
	for i := range n {
		if every := rate / 100; rate > 0 && i%every == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
			time.Sleep(time.Until(began.Add(time.Duration(i/every) * 10 * time.Millisecond)))
		}
		b = append(b[:0], `{"text":"Hello world","sender":"bench-`...)
		b = strconv.AppendInt(b, int64(i%10), 10)
		b = append(append(append(b, `","boot":"`...), boot...), `","seq":`...)
		b = strconv.AppendInt(b, int64(i/10+1), 10)
		b = time.Now().UTC().AppendFormat(append(b, `,"sent":"`...), time.RFC3339Nano)
		if err := write(append(b, `","next_ms":4211,"color":"#7fb069"}`...)); err != nil {
			return err
		}
	}
	return nil
}
