package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hellox/bootstrap"
	"hellox/cmd/hellox/state"
)

// forwards are the two that an installation in a cluster has.
type forwards struct {
	cluster      *bootstrap.Cluster
	page, broker *bootstrap.Forward
}

// openForwards listens on the ports and forwards until close.
func openForwards(ctx context.Context, cluster *bootstrap.Cluster, namespace string, web, mqtt bootstrap.Port) (*forwards, error) {
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

// Forwards to what is no more are of no use to anybody.
const (
	lookAgain = 10 * time.Second
	farAway   = 10 * time.Minute
)

// watchOver returns when a forward fails, when the installation was removed (by
// a down on another machine, or with its cluster), or when the cluster could
// not be reached for ten minutes.
func (f *forwards) watchOver(ctx context.Context, namespace string) error {
	tick := time.NewTicker(lookAgain)
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
		case ctx.Err() == nil && time.Since(reached) > farAway:
			return fmt.Errorf("forward namespace %s: the cluster was not reached for %s: %w", namespace, farAway, err)
		}
	}
}

func (f *forwards) close() {
	f.page.Close()
	f.broker.Close()
}

// forwardOwn makes forwards that last as long as this command.
func forwardOwn(ctx context.Context, sh shell, i state.Installation) (access, error) {
	cluster, err := connectCluster(ctx, sh, i)
	if err != nil {
		return access{}, err
	}
	f, err := openForwards(ctx, cluster, i.Namespace, bootstrap.Port{}, bootstrap.Port{})
	if err != nil {
		return access{}, fmt.Errorf("forward %s: %w", i, err)
	}
	return access{i, f.pageURL(), f.brokerURL(), true, f.close}, nil
}
