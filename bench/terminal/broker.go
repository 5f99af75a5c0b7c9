package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startBroker starts a mosquitto that holds one retained message and whose queues
// have no limit.
func (b *bench) startBroker(ctx context.Context) (end func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, b.port, _ = net.SplitHostPort(ln.Addr().String())
	ln.Close()
	conf := filepath.Join(b.dir, "mosquitto.conf")
	text := "allow_anonymous true\nmax_queued_messages 0\nlistener " + b.port + " 127.0.0.1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on the PATH of every user
	}
	broker := exec.CommandContext(ctx, path, "-c", conf)
	if err := broker.Start(); err != nil {
		return nil, err
	}
	end = func() { _ = broker.Process.Kill(); _ = broker.Wait() }
	for range 100 {
		if err = exec.CommandContext(ctx, "mosquitto_pub", "-p", b.port, "-t", "bench", "-m", "ready", "-r", "-q", "1").Run(); err == nil {
			return end, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return nil, fmt.Errorf("publish to mosquitto: %w", err)
}

// publish publishes the messages of ten broadcasters: rate a second, or as fast as
// they go if rate is 0.
func (b *bench) publish(ctx context.Context, n, rate int) error {
	publisher := exec.CommandContext(ctx, "mosquitto_pub", "-p", b.port, "-t", "hello_world/broadcast/bench", "-l", "-q", "0")
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
