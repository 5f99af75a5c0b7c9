package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"hellox/stream/subject"
)

// ownersBucket says whose each client ID is.
const ownersBucket = "HELLOX_OWNERS"

// An owner is noted for ownerFor after its client was last seen, and noted anew each
// ownerRefresh while it is connected.
const (
	ownerFor     = DefaultKeepFor
	ownerRefresh = time.Hour
)

// prepare makes the streams that must be there before the first client is let in. Of
// several nodes most must be running; it tries until ctx ends.
func (n *Node) prepare(ctx context.Context, conn *natsgo.Conn) error {
	js, err := jetstream.New(conn)
	if err != nil {
		return fmt.Errorf("prepare the streams: %w", err)
	}
	const pause = 100 * time.Millisecond
	last := ""
	for {
		n.checkOthers()
		cause := n.makeStreams(ctx, js)
		if cause == nil {
			n.prepared.Store(true)
			n.opts.Log.Info("clients are let in", "name", n.opts.Name)
			return nil
		}
		if text := cause.Error(); text != last && ctx.Err() == nil {
			last = text
			n.opts.Log.Info("waiting for the streams", "cause", last)
		}
		select {
		case <-time.After(pause):
		case err := <-n.fatal:
			return fmt.Errorf("run a node: %w", err)
		case <-ctx.Done():
			return nil
		}
	}
}

// requestTimeout is the time for one answer about a stream: one that was asked before
// there was a leader gets none.
const requestTimeout = 2 * time.Second

func (n *Node) makeStreams(ctx context.Context, js jetstream.JetStream) error {
	if h := n.server.Healthz(&server.HealthzOptions{JSMetaOnly: true}); h.Status != "ok" {
		return errors.New(h.Error) // without a leader nothing answers
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range n.streams() {
		c.Storage, c.Replicas = jetstream.FileStorage, n.opts.replicas()
		group.Go(func() error { return makeStream(ctx, js, c) })
	}
	var bucket jetstream.KeyValue
	group.Go(func() (err error) {
		bucket, err = n.makeBucket(ctx, js)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	n.callout.owners = &owners{bucket}
	return nil
}

// streams returns those of MQTT. But for that of the messages they are as nats-server
// makes them for the first client: made now, that one need not wait. nats-server uses
// those that it finds: so the stream of the messages keeps them for their time, and not
// only until the present subscribers have them.
func (n *Node) streams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{
			Name: subject.MessagesStream, Subjects: []string{subject.MessagesPrefix + ">"}, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			AllowDirect: true, MaxBytes: n.opts.Keep, MaxAge: n.opts.KeepFor,
		},
		{Name: "$MQTT_sess", Subjects: []string{"$MQTT.sess.>"}, Retention: jetstream.LimitsPolicy, MaxMsgsPerSubject: 1},
		{Name: "$MQTT_rmsgs", Subjects: []string{"$MQTT.rmsgs.>"}, Retention: jetstream.LimitsPolicy, MaxMsgsPerSubject: 1},
		{Name: "$MQTT_qos2in", Subjects: []string{"$MQTT.qos2.in.>"}, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true},
		{Name: "$MQTT_out", Subjects: []string{"$MQTT.out.>"}, Retention: jetstream.InterestPolicy},
	}
}

// makeStream makes a stream. One that is there gets the limits of c.
func makeStream(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	s, err := js.Stream(ctx, c.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		_, err = js.CreateStream(ctx, c)
	case err != nil:
	case c.MaxBytes > 0 && (s.CachedInfo().Config.MaxBytes != c.MaxBytes || s.CachedInfo().Config.MaxAge != c.MaxAge):
		_, err = js.UpdateStream(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("make the stream %s: %w", c.Name, err)
	}
	return nil
}

func (n *Node) makeBucket(ctx context.Context, js jetstream.JetStream) (jetstream.KeyValue, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	bucket, err := js.KeyValue(ctx, ownersBucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		bucket, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: ownersBucket, TTL: ownerFor, Storage: jetstream.FileStorage, Replicas: n.opts.replicas(),
		})
	}
	if err != nil {
		return nil, fmt.Errorf("make the bucket %s: %w", ownersBucket, err)
	}
	return bucket, nil
}

// owners say whose each client ID is: a session that another identity has made is
// neither resumed, read nor ended.
type owners struct{ bucket jetstream.KeyValue }

var errOwned = errors.New("the client ID belongs to another user")

// claim notes that a client ID is an identity's, or returns errOwned.
func (o *owners) claim(ctx context.Context, who *client) error {
	sum := sha256.Sum256([]byte(who.id)) // a key has no place for every client ID
	key, identity := hex.EncodeToString(sum[:]), []byte(who.login.Identity)
	for range 3 { // others may claim it at the same time
		entry, err := o.bucket.Get(ctx, key)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			_, err = o.bucket.Create(ctx, key, identity)
		case err != nil:
		case string(entry.Value()) != string(identity):
			return errOwned
		case time.Since(entry.Created()) < ownerRefresh:
			who.owned = entry.Created()
			return nil
		default:
			_, err = o.bucket.Update(ctx, key, identity, entry.Revision())
		}
		if err == nil {
			who.owned = time.Now()
			return nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return fmt.Errorf("%w: find the owner of the client ID: %w", errUnavailable, err)
		}
	}
	return errOwned
}
