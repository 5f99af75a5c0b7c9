package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"

	"hellox/broker"
)

// A peer is a broker that can be measured.
type peer struct {
	name  string
	start func(ctx context.Context, dir string) (*running, error)
}

// A running peer is a process that listens on addr.
type running struct {
	addr   string
	cmd    *exec.Cmd
	others []*exec.Cmd // processes beside it, which belong to it
}

func (r *running) all() []*exec.Cmd {
	if r.cmd == nil {
		return nil
	}
	return append([]*exec.Cmd{r.cmd}, r.others...)
}

// childEnv names the broker that this executable is to be: a process of its
// own for each, so that its CPU and memory are its own.
const childEnv = "HELLOX_BENCH_SERVE"

func ours(durable bool) peer {
	return peer{"hellox", func(ctx context.Context, dir string) (*running, error) {
		return startChild(ctx, fmt.Sprintf("hellox %v %s", durable, dir))
	}}
}

// earlier is ours as an executable of this command has it.
func earlier(file string, durable bool) peer {
	return peer{"hellox, earlier", func(ctx context.Context, dir string) (*running, error) {
		return startServing(ctx, file, fmt.Sprintf("hellox %v %s", durable, dir))
	}}
}

func nats(durable bool) peer {
	name := "NATS R1, default sync"
	if durable {
		name = "NATS R1, sync always"
	}
	return peer{name, func(ctx context.Context, dir string) (*running, error) {
		return startChild(ctx, fmt.Sprintf("nats %v %s", durable, dir))
	}}
}

func mosquitto(durable bool) peer {
	name := "Mosquitto, in memory"
	if durable {
		name = "Mosquitto, autosave 1 s"
	}
	return peer{name, func(ctx context.Context, dir string) (*running, error) {
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(addr)
		conf := "listener " + port + " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\nuser root\n"
		if durable {
			conf += "persistence true\npersistence_location " + dir + "/\nautosave_interval 1\n"
		}
		file := filepath.Join(dir, "mosquitto.conf")
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			return nil, err
		}
		path, err := exec.LookPath("mosquitto")
		if err != nil {
			path = "/usr/sbin/mosquitto" // Debian's, which is not on every PATH
		}
		return launch(exec.CommandContext(ctx, path, "-c", file), addr)
	}}
}

func startChild(ctx context.Context, what string) (*running, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startServing(ctx, self, what)
}

func startServing(ctx context.Context, file, what string) (*running, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, file)
	cmd.Env = append(os.Environ(), childEnv+"="+what+" "+addr)
	return launch(cmd, addr)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// launch returns when the process lets clients in.
func launch(cmd *exec.Cmd, addr string) (*running, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &running{addr: addr, cmd: cmd}
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		c, err := dial(addr, "probe", true)
		if err == nil {
			c.close()
			return r, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.stop()
	return nil, fmt.Errorf("%s does not let clients in: %s", cmd.Path, said.String())
}

func (r *running) stop() {
	for _, cmd := range r.all() {
		cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range r.all() {
		timer := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
	}
}

// cpu returns the CPU time of its processes so far, by their own clocks: /proc counts in
// steps of 10 ms.
func (r *running) cpu() (sum time.Duration) {
	const scheduler = 2 // CPUCLOCK_SCHED of linux/posix-timers.h
	for _, cmd := range r.all() {
		var t unix.Timespec
		if unix.ClockGettime(int32(^cmd.Process.Pid<<3|scheduler), &t) == nil {
			sum += time.Duration(t.Nano())
		}
	}
	return sum
}

// watchMemory looks at the process's own memory (without the pages of files)
// until the returned function is called, which says the most that was seen.
func (r *running) watchMemory() (peak func() int64) {
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		seen := int64(0)
		for {
			select {
			case <-tick.C:
				seen = max(seen, r.ownMemory())
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

func (r *running) ownMemory() (sum int64) {
	for _, cmd := range r.all() {
		sum += ownMemory(cmd.Process.Pid)
	}
	return sum
}

func ownMemory(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// serveChild is a broker until SIGTERM.
func serveChild(what string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	words := strings.Fields(what)
	if len(words) == 4 && words[0] == "fleet" {
		return serveFleet(ctx, words[1], words[2], words[3])
	}
	if len(words) != 4 {
		return errors.New("odd " + childEnv)
	}
	durable, dir, addr := words[1] == "true", words[2], words[3]
	switch words[0] {
	case "nats":
		return serveNATS(ctx, durable, dir, addr)
	case "plain":
		return servePlain(ctx, dir, addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	switch words[0] {
	case "soak":
		return serveSoak(ctx, dir, l)
	case "secured", "tokens":
		return serveSecured(ctx, dir, l, words[0] == "tokens")
	}
	if !durable {
		dir = ""
	}
	if path := os.Getenv("HELLOX_BENCH_PROFILE"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	o := broker.Options{
		Listeners: []broker.Listener{{Net: l, Open: words[0] != "walled"}}, Store: dir, StoreLimit: 8 << 30,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	if words[0] == "walled" {
		if o.Authority, err = newWall(); err != nil {
			return err
		}
	}
	b, err := broker.New(o)
	if err != nil {
		return err
	}
	return b.Serve(ctx)
}

func serveNATS(ctx context.Context, always bool, dir, addr string) error {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	o := &server.Options{
		ServerName: "bench", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: dir, SyncAlways: always,
	}
	o.MQTT.Host, o.MQTT.Port = host, n
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.Start()
	<-ctx.Done()
	s.Shutdown()
	return nil
}
