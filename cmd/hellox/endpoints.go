package main

import (
	"context"
	"fmt"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/portforward"
	"hellox/cmd/hellox/state"
)

// targetLocal is the target without a cluster: everything in one process.
const targetLocal = string(cluster.Local)

// endpoints are the addresses of an installation's page and broker.
type endpoints struct {
	state.Installation
	web   string // URL of the page and its API
	mqtt  string // URL of the broker
	own   bool   // the forwards belong to this command, and end with close
	close func()
}

// connect finds the selected installation and returns its endpoints: the forwards
// that an up holds, or new ones.
func (s selection) connect(ctx context.Context, sh shell) (endpoints, error) {
	instance, err := s.selectOne(ctx, sh)
	if err != nil {
		return endpoints{}, err
	}
	if instance.Alive(ctx) {
		return endpoints{instance.Installation, instance.Owner.Web, instance.Owner.MQTT, false, func() {}}, nil
	}
	return openEndpoints(ctx, sh, instance.Installation)
}

// openEndpoints opens forwards that last as long as this command.
func openEndpoints(ctx context.Context, sh shell, i state.Installation) (endpoints, error) {
	cluster, err := connectCluster(ctx, sh, i)
	if err != nil {
		return endpoints{}, err
	}
	local, err := listenPorts(ctx, portforward.Port{}, portforward.Port{})
	if err != nil {
		return endpoints{}, fmt.Errorf("forward %s: %w", i, err)
	}
	f, err := openForwards(cluster, i.Namespace, local)
	if err != nil {
		return endpoints{}, fmt.Errorf("forward %s: %w", i, err)
	}
	return endpoints{i, f.pageURL(), f.brokerURL(), true, f.close}, nil
}
