package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// An event is something that is done to the cluster while messages are published.
type event struct {
	name, what string
	root       bool // it needs networks and disks of our own
	do         func(context.Context, *run) error
}

// The streams of the broker and of the history.
const (
	messagesStream = "$MQTT_msgs"
	historyStream  = "HELLOX_HISTORY"
)

var events = []event{
	{"node", "kill -9 of a node that leads neither stream, if there is one", false, killFollower},
	{"leader", "kill -9 of the node that leads " + messagesStream, false, killLeader(messagesStream)},
	{"history", "kill -9 of the node that leads " + historyStream, false, killLeader(historyStream)},
	{"receiver", "kill -9 of a receiver that does not append", false, killReceiver},
	{"indexer", "kill -9 of the receiver that appends", false, killIndexer},
	{"cut", "the node that leads " + messagesStream + " is cut off, and comes back", true, cutLeader},
	{"roll", "all three nodes end and start again, one after the other", false, roll},
	{"two", "kill -9 of two nodes at once", false, killTwo},
	{"disk", "the disk of the node that leads " + messagesStream + " is full for 10 s", true, fillLeader},
	{"disks", "all three disks are full for 10 s", true, fillAll},
}

// shortEvents are those of -short.
var shortEvents = []string{"leader", "indexer", "two", "disk"}

func eventNamed(name string) event {
	return events[slices.IndexFunc(events, func(e event) bool { return e.name == name })]
}

func names(of []event) (all []string) {
	for _, e := range of {
		all = append(all, e.name)
	}
	return all
}

// goesOnWithin is the time within which every sender must be acknowledged something
// again.
const goesOnWithin = 90 * time.Second

// goesOn waits until every sender was acknowledged something new.
func (r *run) goesOn(ctx context.Context) error {
	since := time.Now()
	return until(ctx, goesOnWithin, "every sender is acknowledged something again", func() bool { return r.ledger.sendersAfter(since) == publishers })
}

// killed kills a node until the others have gone on for a while, and waits until it has
// everything again.
func (r *run) killed(ctx context.Context, node int) error {
	r.c.note("kill %s", nodeName(node))
	r.nodes[node].kill()
	if err := r.goesOn(ctx); err != nil {
		return errors.Join(err, r.nodes[node].start(ctx))
	}
	sleep(ctx, 2*time.Second)
	return r.nodes[node].start(ctx)
}

func killLeader(stream string) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		node, err := r.leader(ctx, stream)
		if err != nil {
			return err
		}
		return r.killed(ctx, node)
	}
}

func killFollower(ctx context.Context, r *run) error {
	one, err := r.leader(ctx, messagesStream)
	if err != nil {
		return err
	}
	other, err := r.leader(ctx, historyStream)
	if err != nil {
		return err
	}
	node := nodeCount - one - other // the third of 0, 1, 2
	if one == other {
		node = (one + 1) % nodeCount
	}
	return r.killed(ctx, node)
}

func killReceiver(ctx context.Context, r *run) error {
	return r.killedReceiver(ctx, (r.indexer()+1)%len(r.receivers))
}

func killIndexer(ctx context.Context, r *run) error { return r.killedReceiver(ctx, r.indexer()) }

// killedReceiver kills a receiver until another one has appended, and waits until it
// serves again.
func (r *run) killedReceiver(ctx context.Context, i int) error {
	r.receivers[i].kill()
	other := r.pages[(i+1)%len(r.pages)]
	before := r.newest(ctx, other)
	if err := until(ctx, goesOnWithin, "another receiver appends", func() bool { return r.newest(ctx, other) > before+100 }); err != nil {
		return err
	}
	if err := r.receivers[i].start(ctx); err != nil {
		return err
	}
	return until(ctx, goesOnWithin, "the receiver serves its history again", func() bool { return r.newest(ctx, r.pages[i]) > before })
}

// newest returns the ID of the newest message at a receiver, or 0.
func (r *run) newest(ctx context.Context, page string) int64 {
	var answer struct {
		Messages []struct {
			ID int64 `json:"id"`
		} `json:"messages"`
	}
	if err := get(ctx, page+"/api/messages?limit=1", &answer); err != nil || len(answer.Messages) == 0 {
		return 0
	}
	return answer.Messages[0].ID
}

func cutLeader(ctx context.Context, r *run) error {
	node, err := r.leader(ctx, messagesStream)
	if err != nil {
		return err
	}
	r.c.note("cut %s off", nodeName(node))
	port := r.nodes[node].port
	if err := port.cut(ctx); err != nil {
		return err
	}
	sleep(ctx, r.c.cut)
	return port.join(ctx)
}

func roll(ctx context.Context, r *run) error {
	for _, p := range r.nodes {
		if err := p.term(); err != nil {
			return errors.Join(err, p.start(ctx))
		}
		if err := p.start(ctx); err != nil {
			return err
		}
		if err := r.isWhole(ctx); err != nil {
			return err
		}
	}
	return nil
}

func killTwo(ctx context.Context, r *run) (err error) {
	node, err := r.leader(ctx, messagesStream)
	if err != nil {
		return err
	}
	other := (node + 1) % nodeCount
	r.nodes[node].kill()
	r.nodes[other].kill()
	defer func() {
		err = errors.Join(err, r.nodes[node].start(ctx), r.nodes[other].start(ctx))
	}()
	sleep(ctx, time.Second) // what is under way arrives
	before := r.ledger.count()
	sleep(ctx, 6*time.Second)
	if n := r.ledger.count() - before; n > 0 {
		return fmt.Errorf("one node alone acknowledged %d messages", n)
	}
	return nil
}

// fullFor is how long a disk is full.
const fullFor = 10 * time.Second

func fillLeader(ctx context.Context, r *run) error {
	node, err := r.leader(ctx, messagesStream)
	if err != nil {
		return err
	}
	return r.filled(ctx, node)
}

func fillAll(ctx context.Context, r *run) error { return r.filled(ctx, 0, 1, 2) }

// filled fills the disks of nodes, for fullFor.
func (r *run) filled(ctx context.Context, nodes ...int) (failed error) {
	for _, node := range nodes {
		free, err := fill(r.disk(node))
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, free()) }()
	}
	sleep(ctx, fullFor)
	return nil
}
