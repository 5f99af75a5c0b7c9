package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	publisher := exec.CommandContext(ctx, "mosquitto_pub", "-p", b.Port, "-t", "hello_world/broadcast/bench", "-l", "-q", strconv.Itoa(qos))
	in, err := publisher.StdinPipe()
	if err != nil {
		return err
	}
	if err := publisher.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<16)
	boot := fmt.Sprintf("%026d", time.Now().UnixNano())
	began := time.Now()
	for i := range n {
		if every := rate / 100; rate > 0 && i%every == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
			time.Sleep(time.Until(began.Add(time.Duration(i/every) * 10 * time.Millisecond)))
		}
		fmt.Fprintf(w, `{"text":"Hello world","sender":"bench-%d","boot":"%s","seq":%d,"sent":"%s","next_ms":4211,"color":"#7fb069"}`+"\n",
			i%10, boot, i/10+1, time.Now().UTC().Format(time.RFC3339Nano))
	}
	return errors.Join(w.Flush(), in.Close(), publisher.Wait())
}
