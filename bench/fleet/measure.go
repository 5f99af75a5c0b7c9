package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hellox/bench/rig"
)

// roles is how many processes there are: broadcast, broker and receive.
const roles = 3

// figures are those of one size in one round.
type figures struct {
	connected   time.Duration
	messages    float64 // stored while it was measured
	rate        float64 // of them a second
	cpu         [roles]time.Duration
	memory      [roles]int64 // resident, bytes
	brokerDisk  float64      // written to disk for a message, bytes
	historyDisk float64      // that a stored message takes, bytes
}

// cpuOfMessage returns the CPU time of all three for a message, in µs.
func (f figures) cpuOfMessage() float64 {
	sum := time.Duration(0)
	for _, one := range f.cpu {
		sum += one
	}
	return float64(sum.Microseconds()) / f.messages
}

// measure runs n broadcasters, and takes their figures once all are connected.
func (b *bench) measure(ctx context.Context, n int) (f figures, err error) {
	dir, err := os.MkdirTemp("", "bench-fleet")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	mqtt, page, ops := freeAddress(), freeAddress(), freeAddress()
	history := filepath.Join(dir, "history.db")
	var running [roles]*exec.Cmd
	defer func() {
		for _, cmd := range running {
			if cmd != nil {
				_ = cmd.Process.Signal(syscall.SIGTERM)
				_ = cmd.Wait()
			}
		}
	}()
	start := func(role int, args ...string) error {
		cmd := exec.CommandContext(ctx, b.hellox, args...)
		if err := cmd.Start(); err != nil {
			return err
		}
		running[role] = cmd
		return nil
	}
	if err := start(1, "broker", "--listen", "mqtt://"+mqtt, "--store", filepath.Join(dir, "store"), "--max-connections", "12000", "--backpressure", "hellox-receive"); err != nil {
		return f, err
	}
	if err := start(2, "receive", "--broker", "mqtt://"+mqtt, "--listen", page, "--history", "sqlite:"+history); err != nil {
		return f, err
	}
	if err := until(ctx, "the receiver is connected", func() bool {
		s, err := stats("http://" + page)
		return err == nil && s.Link.State == "connected"
	}); err != nil {
		return f, err
	}
	began := time.Now()
	if err := start(0, "broadcast", "--broker", "mqtt://"+mqtt, "--count", strconv.Itoa(n), "--id", "broadcast", "--min", "1s", "--max", "10s", "--ops-listen", ops); err != nil {
		return f, err
	}
	if err := until(ctx, "all broadcasters are connected", func() bool { return int(metricsOf("http://" + ops + "/metrics")["hellox_broadcast_connected"]) == n }); err != nil {
		return f, err
	}
	f.connected = time.Since(began)
	pause(ctx, 10*time.Second) // the first message of each comes at once
	return f, b.take(ctx, &f, running, page, dir)
}

// take takes the figures of processes that run.
func (b *bench) take(ctx context.Context, f *figures, running [roles]*exec.Cmd, page, dir string) error {
	before, err := stats("http://" + page)
	if err != nil {
		return err
	}
	var cpu [roles]time.Duration
	for i, cmd := range running {
		cpu[i] = rig.CPU(cmd.Process.Pid)
	}
	written := rig.Written(running[1].Process.Pid)
	pause(ctx, b.lasting)
	after, err := stats("http://" + page)
	if err != nil {
		return err
	}
	f.messages = float64(after.Stored - before.Stored)
	f.rate = f.messages / b.lasting.Seconds()
	if f.messages == 0 {
		return errors.New("no message was stored")
	}
	for i, cmd := range running {
		f.cpu[i], f.memory[i] = rig.CPU(cmd.Process.Pid)-cpu[i], rig.Resident(cmd.Process.Pid)
	}
	f.brokerDisk = float64(rig.Written(running[1].Process.Pid)-written) / f.messages
	size := int64(0)
	for _, rest := range []string{"", "-wal"} {
		info, err := os.Stat(filepath.Join(dir, "history.db"+rest))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil {
			size += info.Size()
		}
	}
	f.historyDisk = float64(size) / float64(after.Stored)
	return ctx.Err()
}

type receiverStats struct {
	Stored int64 `json:"stored"`
	Link   struct {
		State string `json:"state"`
	} `json:"link"`
}

func stats(page string) (s receiverStats, err error) {
	answer, err := http.Get(page + "/api/stats")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// metricsOf returns the metrics at url that have no labels; none if it does not answer.
func metricsOf(url string) map[string]float64 {
	all := map[string]float64{}
	answer, err := http.Get(url)
	if err != nil {
		return all
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] = n
		}
	}
	return all
}

// listens reports whether something accepts connections at address.
func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// loadAverage returns the three load averages of the machine.
func loadAverage() (string, error) {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(string(load))[:3], " "), nil
}

func until(ctx context.Context, what string, ok func() bool) error {
	for deadline := time.Now().Add(3 * time.Minute); !ok(); pause(ctx, 50*time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within three minutes: %s", what)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func freeAddress() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // loopback has a free port
	}
	defer ln.Close()
	return ln.Addr().String()
}
