package nats_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/subject"
)

// An indexer is a receiver of a cluster, to be killed.
type indexer struct {
	*jetstream.Store
	kill func() // it writes no checkpoint and gives no lease back
}

func (c *cluster) runIndexer(t *testing.T, servers []string) *indexer {
	t.Helper()
	conn, err := natsgo.Connect(strings.Join(servers, ","), natsgo.Secure(c.peer("receive")), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	s, err := jetstream.Open(t.Context(), conn, jetstream.Options{Topics: []string{stream.TopicStream}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Index(ctx); close(done) }()
	i := &indexer{s, func() {
		conn.Close()
		cancel()
		<-done
		_ = s.Close()
	}}
	t.Cleanup(i.kill)
	return i
}

// newest is the ID of the newest message that a receiver knows.
func newest(t *testing.T, s history.Store) int64 {
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.LastID
}

// TestHistoryMoves kills the indexer between its appends and its checkpoint, moves the
// leaders of the streams, and ends the node that leads the history. Nothing is stored
// twice and no delta is another one than if one receiver had never stopped.
func TestHistoryMoves(t *testing.T) {
	c := runCluster(t)
	var servers []string
	for _, o := range c.options {
		servers = append(servers, "tls://"+o.Clients.String())
	}
	published := 0
	publish := func(n int) {
		for end := published + n; published < end; published++ {
			a := historytest.Hello(fmt.Sprintf("broadcast-%d", published%3), uint64(published/3+1+published/30), published)
			again := 1 + published%7/6
			for range again {
				m := &natsgo.Msg{Subject: subject.MessagesPrefix + strings.ReplaceAll(a.Topic, "/", "."), Data: a.Payload, Header: natsgo.Header{"Nmqtt-Pub": {"1"}}}
				until(t, "the broker's stream takes a message", func() bool {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					_, err := c.js.PublishMsg(ctx, m)
					return err == nil
				})
			}
		}
	}
	stepDown := func(name string) {
		until(t, "the leader of "+name+" answers", func() bool {
			_, err := c.js.Conn().Request("$JS.API.STREAM.LEADER.STEPDOWN."+name, nil, 5*time.Second)
			return err == nil
		})
	}
	freeLease := func() { // as if its time were over
		until(t, "the lease is free", func() bool {
			lease, err := c.js.KeyValue(t.Context(), "HELLOX_LEASE")
			return err == nil && lease.Delete(t.Context(), "indexer") == nil
		})
	}
	for round, name := range []string{"HELLOX_HISTORY", "$MQTT_msgs", "KV_HELLOX_SENDERS"} {
		i := c.runIndexer(t, servers)
		publish(60)
		least := int64(60*round + 20) // in the middle
		until(t, "some are stored", func() bool { return newest(t, i) >= least })
		stepDown(name)
		until(t, "it appends with another leader", func() bool { return newest(t, i) >= least+30 })
		i.kill()
		freeLease()
	}
	i := c.runIndexer(t, servers)
	info, err := c.js.Stream(t.Context(), "HELLOX_HISTORY")
	if err != nil {
		t.Fatal(err)
	}
	leader := info.CachedInfo().Cluster.Leader
	for n := range c.nodes {
		if c.options[n].Name == leader {
			c.nodes[n].stop()
		}
	}
	publish(60)
	until(t, "all are stored", func() bool { return newest(t, i) >= int64(published) })
	compareWithOne(t, c, i, published)
}

// compareWithOne compares a history with that of one receiver that was given the same
// messages, at the times at which the broker had them.
func compareWithOne(t *testing.T, c *cluster, got history.Store, n int) {
	t.Helper()
	want := memory.New(0)
	defer want.Close()
	from, err := c.js.Stream(t.Context(), "$MQTT_msgs")
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= from.CachedInfo().State.LastSeq; seq++ {
		var m *natsjs.RawStreamMsg
		until(t, "a message of the broker's stream is read", func() bool { m, err = from.GetMsg(t.Context(), seq); return err == nil })
		topic := subject.Topic(m.Subject[len(subject.MessagesPrefix):])
		historytest.AppendAll(t, want, stream.Arrival{Topic: topic, Payload: m.Data, QoS: 1, Received: m.Time, Ack: historytest.Nothing})
	}
	text := func(s history.Store) string {
		p, err := s.Messages(t.Context(), history.Query{FromStart: true, Limit: history.MaxLimit})
		st, errStats := s.Stats(t.Context())
		if err != nil || errStats != nil || len(p.Messages) != n {
			t.Fatalf("%d messages of %d are read: %v, %v", len(p.Messages), n, err, errStats)
		}
		all := fmt.Sprintln(st.Received, st.Stored, st.Duplicates, st.Missed, st.Reordered)
		for i := range p.Messages {
			all += string(p.Messages[i].AppendJSON(nil)) + "\n"
		}
		return all
	}
	if g, w := text(got), text(want); g != w {
		t.Errorf("it has\n%s, want\n%s", g, w)
	}
}
