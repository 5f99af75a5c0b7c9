package jetstream_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"hellox/history/jetstream"
	"hellox/stream/streamtest"
)

// leaseOf returns the bucket of the indexer's lease.
func (r *rig) leaseOf() natsjs.KeyValue {
	r.t.Helper()
	lease, err := r.js.KeyValue(r.t.Context(), "HELLOX_LEASE")
	if err != nil {
		r.t.Fatal(err)
	}
	return lease
}

// TestIndexerKeepsItsLease has the history take nothing for a while, as when its leader
// was killed: the indexer goes on by itself. One that gives its lease back cannot do so
// without a leader, and all wait until its time is over.
func TestIndexerKeepsItsLease(t *testing.T) {
	r := newRig(t)
	var log streamtest.Buffer
	s, _ := r.open(jetstream.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	streamtest.Background(t, func(ctx context.Context) error {
		s.Index(ctx)
		return nil
	})
	all, distinct := messages(300)
	r.publish(all[:100]...)
	until(t, "some are stored", func() bool { return lastID(t, s) > 0 })

	history, err := r.js.Stream(t.Context(), "HELLOX_HISTORY")
	if err != nil {
		t.Fatal(err)
	}
	takes := history.CachedInfo().Config
	nothing := takes
	nothing.Subjects = []string{"nothing"}
	if _, err := r.js.UpdateStream(t.Context(), nothing); err != nil {
		t.Fatal(err)
	}
	changes, err := r.leaseOf().WatchAll(t.Context(), natsjs.UpdatesOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = changes.Stop() }()
	r.publish(all[100:]...)
	until(t, "the log says so", func() bool { return strings.Contains(log.String(), "nothing is appended to the history") })
	if _, err := r.js.UpdateStream(t.Context(), takes); err != nil {
		t.Fatal(err)
	}
	r.check(s, distinct)
	for {
		select {
		case change := <-changes.Updates():
			if change != nil && change.Operation() != natsjs.KeyValuePut {
				t.Fatalf("the lease was given back: %v", change.Operation())
			}
		default:
			return
		}
	}
}

// TestLeaseWithoutAnswer has a renewal stored whose answer does not come: the next one
// takes the lease for its own, and it is not given up.
func TestLeaseWithoutAnswer(t *testing.T) {
	r := newRig(t)
	// Here it lasts for ever, however slow the machine is.
	lease, err := r.js.CreateKeyValue(t.Context(), natsjs.KeyValueConfig{Bucket: "HELLOX_LEASE"})
	if err != nil {
		t.Fatal(err)
	}
	var log streamtest.Buffer
	s, _ := r.open(jetstream.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	streamtest.Background(t, func(ctx context.Context) error {
		s.Index(ctx)
		return nil
	})
	var taken natsjs.KeyValueEntry
	until(t, "it is the indexer", func() bool {
		taken, err = lease.Get(t.Context(), "indexer")
		return err == nil
	})
	stored, err := lease.Put(t.Context(), "indexer", taken.Value()) // by itself, for all that is known
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is renewed after that", func() bool {
		now, err := lease.Get(t.Context(), "indexer")
		return err == nil && now.Revision() > stored && string(now.Value()) == string(taken.Value())
	})
	if text := log.String(); strings.Contains(text, "another receiver is the indexer") || strings.Count(text, "this receiver is the indexer") != 1 {
		t.Error(text)
	}
}

// TestLeaseIsGivenBack ends the indexer while a renewal is stored whose answer has not come:
// the lease is given back nevertheless.
func TestLeaseIsGivenBack(t *testing.T) {
	r := newRig(t)
	// Here it lasts for ever: it goes only when it is given back.
	lease, err := r.js.CreateKeyValue(t.Context(), natsjs.KeyValueConfig{Bucket: "HELLOX_LEASE"})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := r.open(jetstream.Options{})
	until(t, "it is given back", func() bool { // the end waits for that for a moment only
		end, ended := streamtest.Background(t, func(ctx context.Context) error {
			s.Index(ctx)
			return nil
		})
		var taken natsjs.KeyValueEntry
		until(t, "it is the indexer", func() bool {
			taken, err = lease.Get(t.Context(), "indexer")
			return err == nil
		})
		if _, err := lease.Put(t.Context(), "indexer", taken.Value()); err != nil {
			t.Fatal(err)
		}
		end()
		<-ended
		if _, err := lease.Get(t.Context(), "indexer"); errors.Is(err, natsjs.ErrKeyNotFound) {
			return true
		}
		if err := lease.Delete(t.Context(), "indexer"); err != nil {
			t.Fatal(err)
		}
		return false
	})
}
