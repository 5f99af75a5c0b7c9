package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// These figures are of sessions whose clients are away: what many of them cost a
// publisher, and what it costs when many come back at once. Each is a ratio of
// one peer to itself, so that the machine's speed does not count.

const (
	absentSessions  = 8000
	returning       = 300
	returningEach   = 100 // messages that wait for each session
	mostPublishTime = 3.0
	mostCPU         = 2.2
)

func measureSessions(ctx context.Context, c config) error {
	peers := []peer{ours(true), mosquitto(true)}
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
	fmt.Printf("\nreturning: %d and %d sessions that come back at once, %d messages each (at most %.1fx the CPU)\n", returning, 2*returning, returningEach, mostCPU)
	for _, p := range peers {
		var cpu [2]time.Duration
		for i, n := range []int{returning, 2 * returning} {
			err := inFresh(ctx, c, p, func(running *running) (err error) {
				cpu[i], err = comeBack(running, n)
				return err
			})
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		fmt.Printf("  %-24s %7v CPU for %d, %7v for %d: %.2fx\n", p.name, cpu[0], returning, cpu[1], 2*returning, cpu[1].Seconds()/cpu[0].Seconds())
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
