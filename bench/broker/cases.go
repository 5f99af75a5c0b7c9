package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A case is one figure, taken of every peer in every round.
type testCase struct {
	name  string
	goal  string
	load  load
	peers []peer
	base  string // what peers are compared with: the second of them
}

func cases(c config) []testCase {
	var all []testCase
	for _, shape := range []struct {
		name       string
		pubs, subs int
	}{{"fan-in 100 to 1", 100, 1}, {"fan-out 1 to 100", 1, 100}, {"1 to 1", 1, 1}} {
		for _, qos := range []byte{0, 1} {
			all = append(all, testCase{
				name:  fmt.Sprintf("QoS %d %s", qos, shape.name),
				goal:  "N1: at least 1.5x Mosquitto",
				load:  load{pubs: shape.pubs, subs: shape.subs, qos: qos, inFlight: 50, window: 500},
				peers: []peer{ours(false), mosquitto(false), nats(false)},
			})
		}
	}
	all = append(all, durableCases()...)
	for _, qos := range []byte{0, 1} {
		all = append(all, testCase{
			name:  fmt.Sprintf("the wall: QoS %d fan-in 100 to 1, with 20 rules", qos),
			goal:  "at least 0.9x without",
			load:  load{pubs: 100, subs: 1, qos: qos, inFlight: 50, window: 500},
			peers: []peer{walled(false), ours(false)},
			base:  "without",
		})
	}
	away := testCase{
		name:  "away: a backlog of 200,000, then fetched",
		goal:  "N5: nothing lost, at most 64 MiB",
		load:  load{pubs: 20, subs: 1, qos: 1, inFlight: 50, durable: true, backlog: 200_000},
		peers: []peer{ours(true), mosquitto(true)},
	}
	if c.away > 0 {
		away.name = fmt.Sprintf("away: %v at 1,000 msg/s, then fetched", c.away)
		away.load.rate = 1000
		away.load.backlog = int(c.away.Seconds() * 1000)
	}
	return append(append(all, securedCases()...), away)
}

// durableCases are those of what is acknowledged when it is on disk.
func durableCases() (all []testCase) {
	for _, d := range []struct {
		pubs, inFlight int
		goal           string
	}{
		{1, 1, "N3: PUBACK p50 at most 3x the disk's append and fdatasync"},
		{20, 1, "N2"},
		{20, 50, "N2: at least 1.5x Mosquitto, 15x NATS"},
		{200, 50, "N2: at least 1.0x Mosquitto, 15x NATS"},
	} {
		all = append(all, testCase{
			name:  fmt.Sprintf("durable QoS 1, %d publishers, %d in flight", d.pubs, d.inFlight),
			goal:  d.goal,
			load:  load{pubs: d.pubs, subs: 1, qos: 1, inFlight: d.inFlight, durable: true},
			peers: []peer{ours(true), mosquitto(true), nats(true)},
		})
	}
	all = append(all, testCase{
		name:  "sizes: durable QoS 1, 20 publishers, 50 in flight",
		goal:  "N13: one node beside three",
		load:  load{pubs: 20, subs: 1, qos: 1, inFlight: 50, durable: true},
		peers: []peer{ours(true), mosquitto(true), nats(true), replicated()},
	})
	all = append(all, testCase{
		name:  "durable QoS 1, 1,000 msg/s from 200 publishers",
		goal:  "N3: PUBACK p99 at most 3x the disk's",
		load:  load{pubs: 200, subs: 1, qos: 1, inFlight: 50, durable: true, rate: 1000},
		peers: []peer{ours(true), mosquitto(true), nats(true), plainLog()},
	})
	return all
}

// besideEarlier returns the cases with ours and an earlier one of it as the peers.
func besideEarlier(all []testCase, file string) []testCase {
	all = slices.DeleteFunc(all, func(k testCase) bool { return k.base != "" || strings.HasPrefix(k.name, "sizes") })
	for i := range all {
		k := &all[i]
		k.goal, k.base = "at least 0.9x of before", "earlier"
		k.peers = []peer{ours(k.load.durable), earlier(file, k.load.durable)}
	}
	return all
}

// measure runs the rounds and prints a line for each peer. The order of the
// peers turns with each round.
func (k testCase) measure(ctx context.Context, c config) error {
	fmt.Printf("\n%s (%s)\n", k.name, k.goal)
	results := make([][]result, len(k.peers))
	for round := range c.rounds {
		for i := range k.peers {
			n := (i + round) % len(k.peers)
			r, err := k.once(ctx, c, k.peers[n])
			if err != nil {
				return fmt.Errorf("%s: %w", k.peers[n].name, err)
			}
			results[n] = append(results[n], r)
		}
		if k.load.durable {
			if err := printDisk(c.dir, 0); err != nil {
				return err
			}
			if k.load.rate > 0 {
				if err := printDisk(c.dir, time.Second/time.Duration(k.load.rate)); err != nil {
					return err
				}
			}
		}
	}
	k.print(results)
	return nil
}

func printDisk(dir string, every time.Duration) error {
	d, err := probeDisk(dir, every)
	if err != nil {
		return err
	}
	how := "back to back"
	if every > 0 {
		how = fmt.Sprintf("one every %v", every)
	}
	fmt.Printf("  disk, append and fdatasync, %s: p50 %.2f ms, p99 %.2f ms\n", how, ms(d.p50), ms(d.p99))
	return nil
}

// once measures one peer in a fresh folder and process.
func (k testCase) once(ctx context.Context, c config, p peer) (r result, err error) {
	err = inFresh(ctx, c, p, func(running *running) (err error) {
		peak := running.watchMemory()
		r, err = k.load.run(ctx, c.lasting, running)
		r.memory = peak()
		return err
	})
	return r, err
}

// inFresh runs fn with a peer in a fresh folder and process.
func inFresh(ctx context.Context, c config, p peer, fn func(*running) error) error {
	dir, err := os.MkdirTemp(c.dir, "hellox-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	running, err := p.start(ctx, dir)
	if err != nil {
		return err
	}
	defer running.stop()
	return fn(running)
}

func (k testCase) print(results [][]result) {
	for n, p := range k.peers {
		rates := of(results[n], func(r result) float64 { return r.rate })
		line := fmt.Sprintf("  %-24s %9.0f msg/s", p.name, rig.Median(rates))
		ratios := make([]float64, len(results[n]))
		cpu := make([]float64, len(results[n]))
		for i := range results[n] {
			ratios[i] = results[n][i].rate / results[1][i].rate
			cpu[i] = results[n][i].cpu / results[1][i].cpu
		}
		line += fmt.Sprintf("   %5.2fx %s (%.2f-%.2f), CPU a message %.2fx", rig.Median(ratios), cmp.Or(k.base, "Mosquitto"), slices.Min(ratios), slices.Max(ratios), rig.Median(cpu))
		if results[n][0].p99 > 0 {
			line += fmt.Sprintf("   PUBACK p50 %.2f p99 %.2f ms",
				rig.Median(of(results[n], func(r result) float64 { return ms(r.p50) })),
				rig.Median(of(results[n], func(r result) float64 { return ms(r.p99) })))
		}
		line += fmt.Sprintf("   own memory at most %.0f MiB", rig.Median(of(results[n], func(r result) float64 { return mib(r.memory) })))
		if k.load.backlog > 0 {
			last := results[n][len(results[n])-1]
			line += fmt.Sprintf("   acknowledged %d, lost %d, out of order %d", last.acked, last.lost, last.disorder)
		}
		fmt.Println(line)
	}
}

func of(results []result, f func(result) float64) []float64 {
	values := make([]float64, len(results))
	for i, r := range results {
		values[i] = f(r)
	}
	return values
}
