package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"hellox/bench/rig"
)

// findRate finds what the cluster sustains, from the publisher to the history, and
// begins to publish at half of that.
func (r *run) findRate(ctx context.Context) error {
	if r.c.rate == 0 {
		const more = 5000 // a second, above what three nodes on one machine take
		began := time.Now()
		quiet, err := r.ledger.publish(ctx, r.broker(), more)
		if err != nil {
			return err
		}
		sleep(ctx, r.c.measure)
		if err := quiet(); err != nil {
			return err
		}
		acknowledged, n := r.ledger.snapshot()
		if err := r.stored(ctx, acknowledged); err != nil {
			return err
		}
		sustained := float64(n) / time.Since(began).Seconds()
		r.c.rate = max(int(sustained/2), 200)
		fmt.Printf("sustained: %.0f messages a second from PUBLISH to the history; published are %d\n\n", sustained, r.c.rate)
	}
	quiet, err := r.ledger.publish(ctx, r.broker(), r.c.rate)
	if err != nil {
		return err
	}
	r.quiet = quiet
	return r.goesOn(ctx)
}

// event does e, waits until all is well again, and prints what became of it.
func (r *run) event(ctx context.Context, e event) error {
	r.reset()
	err := e.do(ctx, r)
	all, ofSender, errWell := r.well(ctx)
	acknowledged, _ := r.ledger.snapshot()
	err = errors.Join(err, errWell, r.stored(ctx, acknowledged), r.readersHave(ctx))
	ofReader := r.readersPause()
	now := r.counts()
	now.lost = r.history.missing(acknowledged)
	d := now.since(r.before)
	r.before = now
	fmt.Printf("| %s | %d | %d | %d | %d | %d | %.1f s, %.1f s, %.1f s |\n", e.what, d.acknowledged, d.stored, d.doubled, d.lost, d.reordered, all.Seconds(), ofSender.Seconds(), ofReader.Seconds())
	r.lost += d.lost
	if d.doubled+d.lost+d.reordered > 0 {
		err = errors.Join(err, fmt.Errorf("%d messages doubled, %d lost, %d reordered", d.doubled, d.lost, d.reordered))
	}
	if err = errors.Join(err, r.gone()); err != nil {
		fmt.Printf("\n%s: %v\n\n", e.what, err)
	}
	return err
}

func (r *run) reset() {
	r.ledger.reset()
	for _, one := range r.readers {
		one.reset()
	}
}

// well waits until every sender goes on and every node has everything, and returns the
// longest pauses of senders.
func (r *run) well(ctx context.Context) (all, ofSender time.Duration, err error) {
	err = r.goesOn(ctx)
	all, ofSender = r.ledger.pauses()
	return all, ofSender, errors.Join(err, r.isWhole(ctx))
}

// readersPause returns the longest pause of a reader, one that lasts included.
func (r *run) readersPause() (longest time.Duration) {
	for _, one := range r.readers {
		one.mu.Lock()
		longest = max(longest, one.pause, time.Since(one.newest))
		one.mu.Unlock()
	}
	return longest
}

func (r *run) isWhole(ctx context.Context) error {
	var last error
	err := until(ctx, 2*time.Minute, "every stream is on all nodes", func() bool {
		last = r.whole(ctx)
		return last == nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// stored reads the history until all that was acknowledged is there, or nothing comes
// any more.
func (r *run) stored(ctx context.Context, acknowledged map[senderRun]uint64) error {
	const within = 30 * time.Second
	var failed error
	for last, came := -1, time.Now(); time.Since(came) < within && ctx.Err() == nil; sleep(ctx, 200*time.Millisecond) {
		for _, page := range r.pages {
			if failed = r.history.read(ctx, page); failed == nil {
				break
			}
		}
		if r.history.missing(acknowledged) == 0 {
			return nil
		}
		if n := len(r.history.ids); n != last {
			last, came = n, time.Now()
		}
	}
	return errors.Join(failed, fmt.Errorf("%d acknowledged messages are not in the history, %v after it got the last one", r.history.missing(acknowledged), within))
}

// readersHave checks that each reader has each ID of the history once, from its first
// one on.
func (r *run) readersHave(ctx context.Context) error {
	end := r.history.after
	var failed error
	for i, one := range r.readers {
		err := until(ctx, 30*time.Second, fmt.Sprintf("reader %d has ID %d", i, end), func() bool {
			one.mu.Lock()
			defer one.mu.Unlock()
			return one.last >= end
		})
		one.mu.Lock()
		first, last, count, again := one.first, one.last, one.count, one.again
		one.mu.Unlock()
		if err == nil {
			err = r.readTo(ctx, last)
		}
		if want := r.history.between(first, last); err == nil && (again > 0 || count != want) {
			err = fmt.Errorf("reader %d has %d of %d IDs from %d to %d, and %d twice", i, count, want, first, last, again)
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (r *run) readTo(ctx context.Context, id int64) (err error) {
	for _, page := range r.pages {
		if err = r.history.read(ctx, page); err == nil && r.history.after >= id {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("the history ends at %d, before ID %d that a reader has", r.history.after, id))
}

func (r *run) counts() totals {
	return totals{r.ledger.count(), len(r.history.ids), r.history.doubled, r.history.reordered, 0}
}

func (t totals) since(before totals) totals {
	return totals{t.acknowledged - before.acknowledged, t.stored - before.stored, t.doubled - before.doubled, t.reordered - before.reordered, t.lost}
}

// repeat does events by turns, and prints how long nothing was acknowledged, one sender
// waited and no reader got anything.
func (r *run) repeat(ctx context.Context) error {
	pauses := map[string]*[3][]float64{}
	var failed error
	for round := range r.c.rounds {
		e := eventNamed(r.c.of[round%len(r.c.of)])
		r.reset()
		r.c.note("round %d: %s", round+1, e.what)
		err := e.do(ctx, r)
		all, ofSender, errWell := r.well(ctx)
		acknowledged, _ := r.ledger.snapshot()
		err = errors.Join(err, errWell, r.stored(ctx, acknowledged), r.readersHave(ctx))
		ofReader := r.readersPause()
		r.c.note("round %d: %.1f s without acknowledgement, %.1f s of one sender, %.1f s of a reader", round+1, all.Seconds(), ofSender.Seconds(), ofReader.Seconds())
		if lost := r.history.missing(acknowledged); lost > 0 {
			r.lost += lost
			err = errors.Join(err, fmt.Errorf("%d messages lost", lost))
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("round %d, %s: %w", round+1, e.what, err))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if pauses[e.name] == nil {
			pauses[e.name] = &[3][]float64{}
		}
		for i, pause := range []time.Duration{all, ofSender, ofReader} {
			pauses[e.name][i] = append(pauses[e.name][i], pause.Seconds())
		}
	}
	if r.c.rounds > 0 {
		fmt.Printf("\n| %d rounds; median, p99, longest | no acknowledgement | for one sender | no message for a reader |\n|---|---:|---:|---:|\n", r.c.rounds)
	}
	for _, e := range events {
		if p := pauses[e.name]; p != nil {
			fmt.Printf("| %s (%d) | %s | %s | %s |\n", e.what, len(p[0]), spread(p[0]), spread(p[1]), spread(p[2]))
		}
	}
	now := r.counts()
	if now.doubled > r.before.doubled || now.reordered > r.before.reordered {
		failed = errors.Join(failed, fmt.Errorf("after the rounds %d messages are doubled and %d reordered", now.doubled, now.reordered))
	}
	return failed
}

// spread returns the median, the 99th percentile (nearest rank) and the most of seconds.
func spread(seconds []float64) string {
	if len(seconds) == 0 {
		return "none"
	}
	s := slices.Sorted(slices.Values(seconds))
	p99 := s[int(math.Ceil(0.99*float64(len(s))))-1]
	return fmt.Sprintf("%.1f, %.1f, %.1f s", rig.Median(s), p99, s[len(s)-1])
}

// totals returns the counts since the beginning, as they are printed.
func (r *run) totals() string {
	now := r.counts()
	return fmt.Sprintf("acknowledged %d, stored %d, doubled %d, lost %d, reordered %d", now.acknowledged, now.stored, now.doubled, r.lost, now.reordered)
}
