package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func (f Found) readyKind(ctx context.Context, progress func(string)) (*Cluster, error) {
	created := f.State == Absent || f.State == CutOff
	patience := f.options.patience(f.State)
	switch f.State {
	case Absent, CutOff:
		if err := f.makeKind(ctx, progress); err != nil {
			return nil, err
		}
	case Paused, Stopped:
		if err := f.startKind(ctx, progress); err != nil {
			return nil, err
		}
	}
	// Published ports change with each start: look again.
	if f.State != Running {
		clusters, err := psKind(ctx, f.options.Runner, f.engine)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", f.thing(), err)
		}
		if !has(clusters, f.Profile) {
			return nil, fmt.Errorf("%s is gone", f.thing())
		}
		started := named(clusters, f.Profile)
		f.State, f.kind = Running, &started
	}
	rc, nodes, err := f.askKind(ctx, func(ctx context.Context, rc *rest.Config) ([]Node, error) {
		return waitForNodes(ctx, rc, patience, progress)
	})
	if unsafe := (*Error)(nil); errors.As(err, &unsafe) {
		return nil, unsafe
	}
	if err != nil && ctx.Err() == nil {
		return nil, &Error{
			Kind:     Missing,
			Sentence: f.thing() + " runs and is not ready",
			Hint:     fmt.Sprintf("kind delete cluster --name %s, then hellox up makes a new one", f.Profile),
			Err:      err,
		}
	}
	if err != nil {
		return nil, err
	}
	return f.clusterOfKind(rc, nodes, created)
}

// reachKind is Reach for a kind cluster.
func (f Found) reachKind(ctx context.Context) (*Cluster, error) {
	rc, nodes, err := f.askKind(ctx, askForNodes)
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", f.thing(), err)
	}
	return f.clusterOfKind(rc, nodes, false)
}

func (f Found) clusterOfKind(rc *rest.Config, nodes []Node, created bool) (*Cluster, error) {
	c := &Cluster{Target: Kind, Profile: f.Profile, Context: "kind-" + f.Profile, Created: created, REST: rc, found: f}
	if err := c.setNodes(nodes); err != nil {
		return nil, err
	}
	c.images = these(runtimeImages{shell: engineShell{f.options.Runner, string(f.engine)}, runtime: c.Runtime})
	return c, nil
}

// askKind returns the way to the API server, and what ask says of its nodes.
func (f Found) askKind(ctx context.Context, ask func(context.Context, *rest.Config) ([]Node, error)) (*rest.Config, []Node, error) {
	// The entry that kind wrote is at hand at once. It is the cluster's if
	// it names the very port that the cluster's container publishes; whose
	// certificate that server has, TLS finds out.
	if config, err := f.options.Runner.kubeconfigFiles().load(true); err == nil && f.publishes(config) == nil {
		if rc, err := restConfig(config, "kind-"+f.Profile); err == nil {
			if nodes, err := askForNodes(ctx, rc); err == nil && len(nodes) > 0 && allReady(nodes) {
				return rc, nodes, nil
			}
		}
	}
	// Else the container is asked for its administrator's.
	text, err := f.kubeConfigKind()
	if err != nil {
		return nil, nil, fmt.Errorf("read its kubeconfig: %w", err)
	}
	config, err := clientcmd.Load([]byte(text))
	if err != nil {
		return nil, nil, fmt.Errorf("read its kubeconfig: %w", err)
	}
	if err := f.publishes(config); err != nil {
		return nil, nil, notLocal(f, err.Error())
	}
	rc, err := restConfig(config, "kind-"+f.Profile)
	if err != nil {
		return nil, nil, err
	}
	nodes, err := ask(ctx, rc)
	if err == nil && len(nodes) == 0 {
		err = errors.New("it has no nodes")
	}
	return rc, nodes, err
}

func allReady(nodes []Node) bool {
	return !slices.ContainsFunc(nodes, func(n Node) bool { return !n.Ready })
}

// publishes says whether the kubeconfig's server is what one of the
// cluster's containers publishes on this machine.
func (f Found) publishes(config *clientcmdapi.Config) error {
	host, port, _, err := server(config, "kind-"+f.Profile)
	if err != nil {
		return err
	}
	if !isThisMachine(host) {
		return fmt.Errorf("its API server is at %s, which is not this machine", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	for _, n := range f.kind.nodes {
		for _, p := range n.server {
			anywhere := p.host == "0.0.0.0" || p.host == "::" || p.host == "[::]"
			if p.port == port && (anywhere || p.host == host || isLoopback(p.host) && isLoopback(host)) {
				return nil
			}
		}
	}
	return fmt.Errorf("none of its containers publishes %s", net.JoinHostPort(host, strconv.Itoa(port)))
}

// startKind starts the containers that do not run. kind itself has no
// command for that.
func (f Found) startKind(ctx context.Context, progress func(string)) error {
	var stopped, paused []string
	for _, n := range f.kind.nodes {
		switch n.state {
		case Stopped:
			stopped = append(stopped, n.name)
		case Paused:
			paused = append(paused, n.name)
		}
	}
	progress("starting " + f.thing())
	for _, step := range []struct {
		verb  string
		nodes []string
	}{{"unpause", paused}, {"start", stopped}} {
		if len(step.nodes) == 0 {
			continue
		}
		_, err := f.options.Runner.Run(ctx, Command{Name: string(f.engine), Args: append([]string{step.verb}, step.nodes...)})
		if err != nil {
			return fmt.Errorf("%s the nodes of %s: %w", step.verb, f.thing(), err)
		}
	}
	return nil
}

// makeKind makes the cluster; what a cut-off making left is deleted before,
// and what this one leaves if it fails, after. The current context is put
// back either way.
func (f Found) makeKind(ctx context.Context, progress func(string)) error {
	restore, err := f.options.Runner.kubeconfigFiles().keepContext()
	if err != nil {
		return err
	}
	making, err := beginMaking(f.options.StateDir, Kind, f.Profile)
	if err != nil {
		return err
	}
	if f.State == CutOff {
		progress("deleting what was left of " + f.thing())
		if err := f.deleteKind(ctx); err != nil {
			return errors.Join(fmt.Errorf("delete what was left of %s: %w", f.thing(), err), making.abandon())
		}
	}
	progress("making " + f.thing())
	if err := f.createKind(ctx, progress); err != nil {
		if errors.Is(err, errTaken) {
			return errors.Join(err, making.done()) // it is not ours to remove
		}
		if left := f.removeKindNodes(ctx); left != nil {
			return errors.Join(err, restore(), making.abandon())
		}
		return errors.Join(err, restore(), making.done())
	}
	return errors.Join(restore(), making.done())
}
