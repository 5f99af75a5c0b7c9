package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"hellox/bench/rig"
)

// These figures are of sessions whose clients are away: what many of them cost a
// publisher, and what it costs when many come back at once. Each is a ratio of
// one peer to itself, so that the machine's speed does not count.

const (
	absentSessions  = 8000
	returningEach   = 100 // messages that wait for each session
	mostPublishTime = 3.0
	mostCPU         = 2.2
)

// returning is how many sessions come back at once; -returning sets more.
var returning = []int{300, 600}

func measureSessions(ctx context.Context, c config) error {
	peers := []peer{ours(true), mosquitto(true)}
	if c.earlier != "" {
		peers = slices.Insert(peers, 1, earlier(c.earlier, true))
	}
	if !c.notAbsent {
		if err := measureAbsent(ctx, c, peers); err != nil {
			return err
		}
	}
	return measureReturning(ctx, c, peers)
}

func measureAbsent(ctx context.Context, c config, peers []peer) error {
	fmt.Printf("\nabsent: %d absent sessions on one topic filter, 1 publisher, 50 in flight (at most %.1fx the time of none)\n", absentSessions, mostPublishTime)
	for _, p := range peers {
		var rates [2]float64
		for i, absent := range []int{0, absentSessions} {
			err := inFresh(ctx, c, p, func(running *running) error {
				for n := range absent {
					if err := leave(running.addr, fmt.Sprintf("absent-%d", n), "bench/#"); err != nil {
						return err
					}
				}
				r, err := load{pubs: 1, subs: 1, qos: 1, inFlight: 50, durable: true}.run(ctx, c.lasting, running)
				rates[i] = r.rate
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		fmt.Printf("  %-24s %9.0f msg/s without, %9.0f with: %.2fx the time\n", p.name, rates[0], rates[1], rates[0]/rates[1])
	}
	return nil
}

// measureReturning prints the median of the CPU for each size, and that of its ratio to
// the size before it, of which each is of one round: the machine is not as fast in one
// as in another. The order of the peers turns with each round.
func measureReturning(ctx context.Context, c config, peers []peer) error {
	fmt.Printf("\nreturning: %v sessions that come back at once, %d messages each (twice as many: at most %.1fx the CPU); %d rounds, medians (least to most)\n",
		returning, returningEach, mostCPU, c.rounds)
	cpu := make([][][]float64, len(peers)) // milliseconds, of each size, in each round
	for i := range cpu {
		cpu[i] = make([][]float64, len(returning))
	}
	for round := range c.rounds {
		for i := range peers {
			n := (i + round) % len(peers)
			for k, sessions := range returning {
				err := inFresh(ctx, c, peers[n], func(running *running) error {
					took, err := comeBack(running, sessions)
					cpu[n][k] = append(cpu[n][k], ms(took))
					return err
				})
				if err != nil {
					return fmt.Errorf("%s: %w", peers[n].name, err)
				}
			}
		}
	}
	for n, p := range peers {
		line := fmt.Sprintf("  %-24s", p.name)
		for k, sessions := range returning {
			line += fmt.Sprintf(" %5d: %6.0f ms CPU", sessions, rig.Median(cpu[n][k]))
			if k > 0 {
				ratios := make([]float64, c.rounds)
				for round := range ratios {
					ratios[round] = cpu[n][k][round] / cpu[n][k-1][round]
				}
				line += fmt.Sprintf(" = %.2fx (%.2f to %.2f)", rig.Median(ratios), slices.Min(ratios), slices.Max(ratios))
			}
		}
		fmt.Println(line)
	}
	return nil
}

// leave makes a session with a subscription, and leaves.
func leave(addr, id, topicFilter string) error {
	c, err := dial(addr, id, false)
	if err != nil {
		return err
	}
	defer c.close()
	return c.subscribe(topicFilter, 1)
}

// comeBack has messages wait for n sessions, each on a topic of its own, and
// returns the CPU that the broker takes until all have fetched theirs.
func comeBack(p *running, n int) (time.Duration, error) {
	for i := range n {
		if err := leave(p.addr, fmt.Sprintf("own-%d", i), fmt.Sprintf("own/%d", i)); err != nil {
			return 0, err
		}
	}
	pub, err := dial(p.addr, "pub", true)
	if err != nil {
		return 0, err
	}
	defer pub.close()
	for range returningEach {
		for i := range n {
			pub.w.Write(publishPacket(1, fmt.Sprintf("own/%d", i), uint16(i+1), payloadBytes))
		}
		if err := pub.w.Flush(); err != nil {
			return 0, err
		}
		for range n {
			if _, _, err := pub.read(); err != nil {
				return 0, err
			}
		}
	}
	before := p.cpu()
	var all sync.WaitGroup
	failed := make(chan error, n)
	for i := range n {
		all.Go(func() { failed <- fetch(p.addr, fmt.Sprintf("own-%d", i)) })
	}
	all.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return 0, err
		}
	}
	return p.cpu() - before, nil
}

// fetch acknowledges what waits for a session.
func fetch(addr, id string) error {
	c, err := dial(addr, id, false)
	if err != nil {
		return err
	}
	defer c.close()
	for got := 0; got < returningEach; {
		head, body, err := c.read()
		if err != nil {
			return err
		}
		if head>>4 == 3 {
			got++
			at := 2 + int(binary.BigEndian.Uint16(body))
			c.w.Write(frame(0x40, body[at:at+2]))
			if err := c.w.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}
