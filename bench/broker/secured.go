package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hellox/bench/rig"
	"hellox/broker"
	"hellox/broker/token"
	"hellox/stream"
	"hellox/stream/broadcast"
	"hellox/stream/mqtt"
)

// These figures are of TLS 1.3 and of the tokens of pods: what a connection costs, what
// many of them hold, and what a message costs beside one without TLS.

const fleetPod = "broadcast-0"

// secured is hellox with TLS 1.3, and with tokens as the pods' listener has them.
func secured(tokens bool) peer {
	name, kind, at := "hellox, TLS", "secured", "tls://"
	if tokens {
		name, kind, at = "hellox, TLS and tokens", "tokens", "tls://"+fleetPod+"@"
	}
	return peer{name, func(ctx context.Context, dir string) (*running, error) {
		if err := benchCluster().write(dir, fleetPod); err != nil {
			return nil, err
		}
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		addr, err := freeAddr()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), childEnv+"="+kind+" false "+dir+" "+addr)
		return launch(cmd, at+addr)
	}}
}

// securedCases are what a message costs with TLS, beside one without.
func securedCases() (all []testCase) {
	for _, shape := range []struct {
		name       string
		pubs, subs int
	}{{"fan-in 100 to 1", 100, 1}, {"fan-out 1 to 100", 1, 100}} {
		for _, qos := range []byte{0, 1} {
			all = append(all, testCase{
				name:  fmt.Sprintf("TLS: QoS %d %s", qos, shape.name),
				goal:  "beside plain",
				load:  load{pubs: shape.pubs, subs: shape.subs, qos: qos, inFlight: 50, window: 500},
				peers: []peer{secured(false), ours(false)},
				base:  "plain",
			})
		}
	}
	return all
}

// roomy are limits that one pod with very many broadcasters stays below.
func roomy() broker.Limits { return broker.Limits{Connections: 200_000, Sessions: 200_000} }

func serveSecured(ctx context.Context, dir string, l net.Listener, tokens bool) error {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		return err
	}
	o := broker.Options{Log: log, Limits: roomy(), Listeners: []broker.Listener{{
		Net: l, Open: !tokens, TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}},
	}}}
	if tokens {
		if o.Authority, err = token.Open(filepath.Join(dir, "jwks"), "", log); err != nil {
			return err
		}
	}
	b, err := broker.New(o)
	if err != nil {
		return err
	}
	return b.Serve(ctx)
}

func measureSecured(ctx context.Context, c config) error {
	peers := []peer{secured(true), secured(false), ours(false)}
	for _, k := range []struct {
		name    string
		measure func(ctx context.Context, c config, peers []peer) error
	}{
		{"TLS: connections a second", measureConnects},
		{fmt.Sprintf("TLS: memory of the broker for %d clients", c.clients), measureHeld},
		{fmt.Sprintf("TLS: time until %d broadcasters of one process are connected", c.clients), measureFleet},
	} {
		if !strings.Contains(k.name, c.only) {
			continue
		}
		fmt.Printf("\n%s\n", k.name)
		if err := k.measure(ctx, c, peers); err != nil {
			return err
		}
	}
	return nil
}

// connecting is how many clients connect at a time.
const connecting = 8

// measureConnects prints how many clients a second are let in, one after the other by
// each of a few that connect at a time, and what each costs the broker. The clients
// share the cores with it.
func measureConnects(ctx context.Context, c config, peers []peer) error {
	for _, p := range peers {
		var rates, cpus []float64
		for range c.rounds {
			err := inFresh(ctx, c, p, func(running *running) error {
				var n atomic.Int64
				var failed atomic.Pointer[error]
				began, cpu, end := time.Now(), running.cpu(), time.Now().Add(c.lasting)
				var all sync.WaitGroup
				for i := range connecting {
					all.Go(func() {
						for time.Now().Before(end) && failed.Load() == nil {
							cl, err := dial(running.addr, fmt.Sprintf("c-%d", i), true)
							if err != nil {
								failed.Store(&err)
								return
							}
							cl.close()
							n.Add(1)
						}
					})
				}
				all.Wait()
				if err := failed.Load(); err != nil {
					return *err
				}
				rates = append(rates, float64(n.Load())/time.Since(began).Seconds())
				cpus = append(cpus, ms(running.cpu()-cpu)/float64(n.Load()))
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		fmt.Printf("  %-24s %7.0f a second, %.2f ms of the broker's CPU each\n", p.name, rig.Median(rates), rig.Median(cpus))
	}
	return nil
}

// measureHeld prints what the broker holds for clients that are connected and idle.
func measureHeld(ctx context.Context, c config, peers []peer) error {
	for _, p := range peers {
		err := inFresh(ctx, c, p, func(running *running) error {
			before := running.ownMemory()
			peak := running.watchMemory()
			var held []*client
			defer func() {
				for _, cl := range held {
					cl.close()
				}
			}()
			for i := range c.clients {
				cl, err := dial(running.addr, fmt.Sprintf("%s-%d", fleetPod, i), true)
				if err != nil {
					return err
				}
				cl.r, cl.w = nil, nil // this side's memory is not what is measured
				held = append(held, cl)
			}
			most := peak() - before
			fmt.Printf("  %-24s %5.0f MiB, %.1f KiB each\n", p.name, mib(most), float64(most)/1024/float64(c.clients))
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// measureFleet prints how long as many broadcasters of one process take until all are
// connected, as hellox broadcast --count has them.
func measureFleet(ctx context.Context, c config, peers []peer) error {
	for _, p := range peers {
		dir, err := os.MkdirTemp(c.dir, "hellox-bench-")
		if err != nil {
			return err
		}
		err = oneFleet(ctx, c, p, dir)
		os.RemoveAll(dir)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

func oneFleet(ctx context.Context, c config, p peer, dir string) error {
	running, err := p.start(ctx, dir)
	if err != nil {
		return err
	}
	defer running.stop()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=fleet %d %s %s", childEnv, c.clients, dir, running.addr))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cpu := running.cpu()
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	spent := running.cpu() - cpu
	memory := running.ownMemory()
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait()
	if err != nil {
		return fmt.Errorf("the broadcasters: %w", err)
	}
	fmt.Printf("  %-24s %s, the broker %.1f s of CPU, %.0f MiB\n", p.name, strings.TrimSpace(line), spent.Seconds(), mib(memory))
	return nil
}

// serveFleet is the broadcasters of measureFleet: they send their first message and then
// wait.
func serveFleet(ctx context.Context, count, dir, addr string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	o := broadcast.Options{ID: fleetPod, Count: n, Min: time.Hour, Max: time.Hour, QoS: 1, Broker: mqtt.Broker{Scheme: "mqtt", Host: addr}}
	if rest, secure := strings.CutPrefix(addr, "tls://"); secure {
		o.Broker = mqtt.Broker{Scheme: "mqtts", Host: rest}
		o.Broker.Files.CA = filepath.Join(dir, "tls.crt")
		if pod, host, ok := strings.Cut(rest, "@"); ok {
			o.Broker.Host, o.Broker.User, o.Broker.Files.Password = host, pod, filepath.Join(dir, "token")
		}
	}
	began := time.Now()
	var connected atomic.Int64
	o.Link = func(_ string, l stream.Link) {
		if l.State == stream.Connected && connected.Add(1) == int64(n) {
			var use syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // it cannot fail so
			cpu := time.Duration(use.Utime.Nano() + use.Stime.Nano())
			fmt.Printf("%.1f s, of which they took %.1f s of CPU and %d MiB\n", time.Since(began).Seconds(), cpu.Seconds(), use.Maxrss>>10)
		}
	}
	return broadcast.Run(ctx, o)
}
