package nats

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"

	"hellox/stream"
	"hellox/stream/subject"
)

// errMostGone is of a node that most of the others do not reach: nothing can be stored.
var errMostGone = errors.New("most of the broker's nodes are gone: nothing is acknowledged, and no client is let in, until most of them are back")

// withMost returns errMostGone while this node knows that most are gone, or nil. The route
// of one that is killed ends at once. Where one is cut off, it is known from there being no
// leader for longer than an election takes.
func (n *Node) withMost() error {
	if n.opts.Routes != nil && 2*(1+n.server.NumRemotes()) <= clusterReplicas || n.leaderless.Load() {
		return errMostGone
	}
	return nil
}

const (
	majorityEvery = time.Second
	tellEvery     = 5 * time.Second
	electionTime  = 12 * time.Second // at most, of a leader
)

// startWatch begins watchMajority, and returns what waits for its end.
func (n *Node) startWatch(ctx context.Context, own *natsgo.Conn) (wait func()) {
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		n.watchMajority(ctx, own)
	}()
	return func() { <-watched }
}

// watchMajority says once when most of the nodes are gone, and when they are back, until ctx
// ends: in the log, and to the clients that are still connected, on stream.TopicBroker.
// Nothing can be retained there meanwhile, so that is repeated.
func (n *Node) watchMajority(ctx context.Context, own *natsgo.Conn) {
	tick := time.NewTicker(majorityEvery)
	defer tick.Stop()
	var since, told time.Time // zero: all is well
	led := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if h := n.server.Healthz(&server.HealthzOptions{JSMetaOnly: true}); h.Status == "ok" {
			led = time.Now()
		}
		n.leaderless.Store(time.Since(led) > electionTime)
		cause := n.withMost()
		switch {
		case cause == nil && since.IsZero():
		case cause == nil:
			n.opts.Log.Info("most of the nodes are back: clients are let in again", "name", n.opts.Name)
			since, told = time.Time{}, time.Time{}
			n.tell(own, stream.BrokerState{})
		default:
			if since.IsZero() {
				since = time.Now()
				n.opts.Log.Warn("degraded", "cause", cause.Error(), "name", n.opts.Name)
			}
			if time.Since(told) >= tellEvery {
				told = time.Now()
				n.tell(own, stream.BrokerState{Degraded: cause.Error(), Since: since.UTC()})
			}
		}
	}
}

// tell tells the clients of this node how the broker is.
func (n *Node) tell(own *natsgo.Conn, s stream.BrokerState) {
	to, err := subject.Of(stream.TopicBroker)
	if err != nil {
		return
	}
	var text []byte
	if s.Degraded != "" {
		if text, err = json.Marshal(s); err != nil {
			return
		}
	}
	_ = own.Publish(to, text) // an error says that the node is ending
}
