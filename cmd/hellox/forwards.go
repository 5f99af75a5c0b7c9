package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
)

// forwards are the two that an installation in a cluster has.
type forwards struct {
	cluster      *cluster.Cluster
	page, broker *bootstrap.Forward
}

// openForwards listens on the ports and forwards until close.
func openForwards(ctx context.Context, cluster *cluster.Cluster, namespace string, web, mqtt bootstrap.Port) (*forwards, error) {
	page, err := bootstrap.OpenForward(ctx, cluster.REST, bootstrap.ForwardOptions{
		Namespace: namespace, Role: "receive", Remote: bootstrap.PortWeb, Local: web,
	})
	if err != nil {
		return nil, err
	}
	broker, err := bootstrap.OpenForward(ctx, cluster.REST, bootstrap.ForwardOptions{
		Namespace: namespace, Role: "broker", Remote: bootstrap.PortMQTT, Local: mqtt,
	})
	if err != nil {
		page.Close()
		return nil, err
	}
	return &forwards{cluster, page, broker}, nil
}

func (f *forwards) pageURL() string   { return "http://" + f.page.Addr() }
func (f *forwards) brokerURL() string { return "mqtt://" + f.broker.Addr() }

// moved says of each port that was taken which one is used instead.
func (f *forwards) moved() (notes []string) {
	for _, one := range []*bootstrap.Forward{f.page, f.broker} {
		if one.Moved != "" {
			notes = append(notes, one.Moved)
		}
	}
	return notes
}

// When forwards are closed by themselves.
const (
	checkInterval    = 10 * time.Second
	unreachableLimit = 10 * time.Minute
)

// monitor returns when a forward fails, when the installation was removed (by
// a down on another machine, or with its cluster), or when the cluster could
// not be reached for ten minutes.
func (f *forwards) monitor(ctx context.Context, namespace string) error {
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	reached := time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-f.page.Failed():
			return fmt.Errorf("forward the page: %w", err)
		case err := <-f.broker.Failed():
			return fmt.Errorf("forward the broker: %w", err)
		case <-tick.C:
		}
		all, err := bootstrap.Installations(ctx, f.cluster.REST)
		switch {
		case err == nil:
			reached = time.Now()
			if !slices.ContainsFunc(all, func(i bootstrap.Installation) bool { return i.Namespace == namespace }) {
				return fmt.Errorf("forward namespace %s: the installation was removed", namespace)
			}
		case ctx.Err() == nil && time.Since(reached) > unreachableLimit:
			return fmt.Errorf("forward namespace %s: the cluster was not reached for %s: %w", namespace, unreachableLimit, err)
		}
	}
}

func (f *forwards) close() {
	f.page.Close()
	f.broker.Close()
}
