package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/portforward"
	"hellox/cmd/hellox/output"
	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/web/pods"
)

// forwards are the two port-forwards of an installation in a cluster.
type forwards struct {
	cluster      *cluster.Cluster
	page, broker *portforward.Forward
	receiver     *remote.Client // nil until stats has reached it
}

// ports are the local ones that forwards will listen on.
type ports struct{ page, broker *portforward.Listener }

// listenPorts listens on the ports. openForwards takes them over.
func listenPorts(ctx context.Context, web, mqtt portforward.Port) (ports, error) {
	both, err := portforward.ListenAll(ctx, web.Command, web, mqtt)
	if err != nil {
		return ports{}, err
	}
	return ports{page: both[0], broker: both[1]}, nil
}

func (p ports) close() {
	p.page.Close()
	p.broker.Close()
}

// openForwards forwards the ports until close.
func openForwards(c *cluster.Cluster, namespace string, local ports) (*forwards, error) {
	client, err := kube.New(c.REST)
	if err != nil {
		local.close()
		return nil, err
	}
	to := func(role string, port int) portforward.Target {
		return portforward.Target{Namespace: namespace, Selector: install.Selector(namespace, role), Role: role, Port: port}
	}
	return &forwards{
		cluster: c,
		page:    portforward.Serve(client, to(install.RoleReceive, portforward.PortWeb), local.page),
		broker:  portforward.Serve(client, to(install.RoleBroker, portforward.PortMQTT), local.broker),
	}, nil
}

func (f *forwards) pageURL() string   { return "http://" + f.page.Addr() }
func (f *forwards) brokerURL() string { return "mqtt://" + f.broker.Addr() }

// done ends the step that opened them, and says of each port that was taken
// which one is used instead.
func (f *forwards) done(steps *output.Steps) {
	steps.Done("forwarded", false)
	for _, one := range []*portforward.Forward{f.page, f.broker} {
		if one.Moved != "" {
			steps.Note(one.Moved)
		}
	}
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
	client, err := kube.New(f.cluster.REST)
	if err != nil {
		return err
	}
	tick := time.NewTicker(checkInterval)
	defer tick.Stop()
	// Checks are counted, not time: a laptop that slept has not tried in vain.
	unreached := 0
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
		all, err := install.ListBy(ctx, client)
		switch {
		case err == nil:
			unreached = 0
			if !slices.ContainsFunc(all, func(i install.Summary) bool { return i.Namespace == namespace }) {
				return fmt.Errorf("forward namespace %s: the installation was removed", namespace)
			}
		case ctx.Err() != nil:
		default:
			unreached++
		}
		if unreached > int(unreachableLimit/checkInterval) {
			return fmt.Errorf("forward namespace %s: the cluster was not reached for %s: %w", namespace, unreachableLimit, err)
		}
	}
}

// tellEvery is how often the receiver is told of the pods at least: three times as often
// as it forgets them.
const tellEvery = pods.Expiry / 3

// tellPods tells the receiver which pods stand behind the senders, until ctx ends. A
// receiver that does not answer is told again after the next change, or some seconds
// later: what it knew expires.
func (f *forwards) tellPods(ctx context.Context, namespace string) error {
	var receiver *remote.Client
	defer func() {
		if receiver != nil {
			_ = receiver.Close()
		}
	}()
	return install.FollowPods(ctx, f.cluster.REST, namespace, install.RoleBroadcast, tellEvery, func(ctx context.Context, phases []install.PodPhase) {
		ctx, cancel := context.WithTimeout(ctx, tellEvery)
		defer cancel()
		if receiver == nil {
			client, err := remote.Open(ctx, f.pageURL())
			if err != nil {
				return
			}
			receiver = client
		}
		told := make([]stream.Pod, len(phases))
		for i, p := range phases {
			told[i] = stream.Pod(p)
		}
		_ = receiver.TellPods(ctx, told)
	})
}

// stats asks the receiver for its figures. One goroutine may call it.
func (f *forwards) stats(ctx context.Context) (history.Stats, error) {
	if f.receiver == nil {
		client, err := remote.Open(ctx, f.pageURL())
		if err != nil {
			return history.Stats{}, err
		}
		f.receiver = client
	}
	return f.receiver.Stats(ctx)
}

func (f *forwards) close() {
	if f.receiver != nil {
		_ = f.receiver.Close()
	}
	f.page.Close()
	f.broker.Close()
}
