package kind

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

// An engineCluster is what the container engine knows of a cluster.
type engineCluster struct {
	name  string
	nodes []container
	state cluster.State
}

// A container is one node of a cluster.
type container struct {
	name   string
	state  cluster.State
	server []hostPort // where its API server, or the balancer before it, is published
}

type hostPort struct {
	host string
	port int
}

// List implements cluster.Provider. One process answers for all clusters, so that
// their states are always all determined.
func (p *Provider) List(ctx context.Context, _ func(cluster.Candidate) bool) ([]cluster.Candidate, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := ps(ctx, p.runner, engine)
	if err != nil {
		return nil, unusable(engine, err)
	}
	candidates := make([]cluster.Candidate, len(clusters))
	for i, k := range clusters {
		c := p.candidate(k)
		interrupted, err := cluster.CreationInterrupted(p.stateDir, c, func() (time.Time, error) { return k.created(ctx, p.runner, engine) })
		if err != nil {
			return nil, err
		}
		if interrupted {
			c.State = cluster.Interrupted
		}
		candidates[i] = c
	}
	return candidates, nil
}

// created returns when the first of the cluster's containers was created.
func (k engineCluster) created(ctx context.Context, r *run.Runner, engine containerEngine) (first time.Time, err error) {
	args := []string{"inspect", "--format", "{{.Created}}"}
	for _, n := range k.nodes {
		args = append(args, n.name)
	}
	out, err := r.Ask(ctx, run.AnswerLimit, run.Command{Name: string(engine), Args: args})
	if err != nil {
		return first, err
	}
	for line := range strings.Lines(out.Stdout) {
		line = strings.TrimSpace(line)
		at, err := time.Parse(time.RFC3339Nano, line)
		if err != nil { // podman
			if at, err = time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", line); err != nil {
				return first, err
			}
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first, nil
}

// ps asks the engine for the containers with kind's label.
func ps(ctx context.Context, r *run.Runner, engine containerEngine) ([]engineCluster, error) {
	list := func(label string) (run.Output, error) {
		return r.Ask(ctx, run.AnswerLimit, run.Command{Name: string(engine), Args: []string{
			"ps", "-a", "--filter", "label=io.x-k8s.kind.cluster",
			"--format", "{{.Names}}|{{.Status}}|{{.Ports}}|" + label,
		}})
	}
	out, err := list(`{{.Label "io.x-k8s.kind.cluster"}}`)
	if _, exited := run.ExitCode(err); exited && engine == "podman" {
		out, err = list(`{{index .Labels "io.x-k8s.kind.cluster"}}`) // before Podman 5
	}
	if err != nil {
		return nil, err
	}
	return parsePS(out.Stdout), nil
}

// isWorker reports whether the container is a node without which the cluster runs: by
// kind's names the others are the control plane's, and the balancer before it.
func isWorker(cluster, container string) bool {
	return strings.HasPrefix(container, cluster+"-worker")
}

// published finds, in an engine's column of ports, where 6443 is published:
// `127.0.0.1:46503->6443/tcp`.
var published = regexp.MustCompile(`(\S+):(\d+)->6443/tcp`)

// parsePS parses the answer that ps asks for, one line a container.
func parsePS(lines string) []engineCluster {
	var clusters []engineCluster
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 4 || f[3] == "" {
			continue
		}
		node := container{name: f[0], state: cluster.Stopped}
		switch {
		case strings.Contains(f[1], "Paused"):
			node.state = cluster.Paused
		case strings.HasPrefix(f[1], "Up"):
			node.state = cluster.Running
		}
		for _, m := range published.FindAllStringSubmatch(f[2], -1) {
			if port, err := strconv.Atoi(m[2]); err == nil {
				node.server = append(node.server, hostPort{m[1], port})
			}
		}
		i := slices.IndexFunc(clusters, func(c engineCluster) bool { return c.name == f[3] })
		if i < 0 {
			i = len(clusters)
			clusters = append(clusters, engineCluster{name: f[3], state: cluster.Running})
		}
		c := &clusters[i]
		c.nodes = append(c.nodes, node)
		if !isWorker(c.name, node.name) {
			c.state = max(c.state, node.state) // Running, Paused, Stopped: the worst counts
		}
	}
	for i, c := range clusters {
		if !slices.ContainsFunc(c.nodes, func(n container) bool { return !isWorker(c.name, n.name) }) {
			clusters[i].state = cluster.Gone // workers are all that is left of it
		}
	}
	slices.SortFunc(clusters, func(a, b engineCluster) int { return cmp.Compare(a.name, b.name) })
	return clusters
}

// publishes returns nil if the kubeconfig's server is a port that one of the
// cluster's containers publishes on this machine.
func (k engineCluster) publishes(config *clientcmdapi.Config) error {
	host, port, _, err := cluster.Server(config, contextOf(k.name))
	if err != nil {
		return err
	}
	if !cluster.IsThisMachine(host) {
		return fmt.Errorf("its API server is at %s, which is not this machine", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	for _, n := range k.nodes {
		for _, p := range n.server {
			anywhere := p.host == "0.0.0.0" || p.host == "::" || p.host == "[::]"
			if p.port == port && (anywhere || p.host == host || cluster.IsLoopback(p.host) && cluster.IsLoopback(host)) {
				return nil
			}
		}
	}
	return fmt.Errorf("none of its containers publishes %s", net.JoinHostPort(host, strconv.Itoa(port)))
}
