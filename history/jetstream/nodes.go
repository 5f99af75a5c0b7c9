package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/history/live"
)

const (
	// checkEvery is how often the streams are asked who leads them.
	checkEvery = time.Second
	// outageAfter is how long they may have no leader before that is told: a change of
	// the leader takes a moment.
	outageAfter = 3 * time.Second
	// followerAway is how long a leader may not have heard of a node that follows it, each
	// of which says something each second.
	followerAway = 5 * time.Second
)

var (
	errNoNode   = errors.New("this receiver reaches no node of the broker")
	errNoLeader = errors.New("the broker's nodes have no leader that most of them follow")
)

// nodes are those of the broker, as a Store asks them.
type nodes struct {
	conn  *natsgo.Conn
	js    jetstream.JetStream
	state *live.State // is told
	log   *slog.Logger
}

// watch says why nothing is stored while most of the nodes are gone, and when that is over,
// until ctx ends.
func (n *nodes) watch(ctx context.Context) {
	well, logged := time.Now(), false
	var told error
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		cause := n.check(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case cause == nil:
			if well = time.Now(); logged {
				n.log.Info("messages are stored again: most of the broker's nodes are back")
			}
			if told != nil {
				n.state.SetOutage("", well)
			}
			told, logged = nil, false
		case time.Since(well) < outageAfter || errors.Is(told, cause):
		default:
			told = cause
			n.state.SetOutage(outage(cause, well), well)
			if !logged {
				n.log.Warn("nothing is stored", "cause", cause.Error(), "since", well)
			}
			logged = true
		}
	}
}

// outage says what cause means to a person.
func outage(cause error, since time.Time) string {
	at := since.UTC().Format(time.DateTime) + " UTC"
	if errors.Is(cause, errNoNode) {
		return fmt.Sprintf("Since %s %s: what is stored since is not shown here. It connects again by itself.", at, cause)
	}
	return fmt.Sprintf("Since %s %s: nothing is acknowledged or stored. This ends by itself when most of them run.", at, cause)
}

// check returns nil while what the broker acknowledges is stored on most of the nodes,
// as is the history, else errNoNode or errNoLeader.
func (n *nodes) check(ctx context.Context) error {
	if n.conn.Status() != natsgo.CONNECTED {
		return errNoNode
	}
	for _, name := range []string{subjectMessages, streamName} {
		asking, cancel := context.WithTimeout(ctx, answerTimeout)
		is, err := n.js.Stream(asking, name)
		cancel()
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound): // of a history that is copied, where there is no broker
		case err != nil && n.conn.Status() != natsgo.CONNECTED:
			return errNoNode
		case err != nil || !isLed(is.CachedInfo().Cluster):
			return errNoLeader
		}
	}
	return nil
}

// isLed reports whether a stream has a leader that most of its nodes follow. Without one a
// node answers, too; and the leader itself answers for some time after the others have gone.
func isLed(c *jetstream.ClusterInfo) bool {
	if c == nil {
		return true // one node alone
	}
	follow := 1
	for _, r := range c.Replicas {
		if !r.Offline && r.Active < followerAway {
			follow++
		}
	}
	return c.Leader != "" && 2*follow > len(c.Replicas)+1
}
