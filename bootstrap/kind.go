package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaultKindCluster is the cluster that hellox makes if none is named.
const defaultKindCluster = "hellox"

// A containerEngine is the program that kind's nodes are containers of:
// docker, podman, nerdctl or finch. "" is none.
type containerEngine string

// A kindCluster is what the container engine knows of one.
type kindCluster struct {
	name  string
	nodes []kindNode
	state State
}

// A kindNode is one container.
type kindNode struct {
	name   string
	state  State
	server []hostPort // where its API server, or the balancer before it, is published
}

type hostPort struct {
	host string
	port int
}

func (c kindCluster) in(states []State) bool { return slices.Contains(states, c.state) }

func has(clusters []kindCluster, name string) bool {
	return slices.ContainsFunc(clusters, func(c kindCluster) bool { return c.name == name })
}

func named(clusters []kindCluster, name string) kindCluster {
	return clusters[slices.IndexFunc(clusters, func(c kindCluster) bool { return c.name == name })]
}

// detectEngine finds the container engine as kind does: the one that
// KIND_EXPERIMENTAL_PROVIDER names, else the first that is here. The docker
// command of podman is podman.
func detectEngine(ctx context.Context, r *Runner) (containerEngine, error) {
	if e := r.Getenv("KIND_EXPERIMENTAL_PROVIDER"); e != "" {
		switch e {
		case "docker", "podman", "nerdctl", "finch":
			return containerEngine(e), nil
		}
		return "", &Error{
			Kind:     Ambiguous,
			Sentence: fmt.Sprintf("KIND_EXPERIMENTAL_PROVIDER names no container engine of kind's: %q", e),
			Hint:     "unset KIND_EXPERIMENTAL_PROVIDER",
		}
	}
	_, podman := r.Look("podman")
	if _, ok := r.Look("docker"); ok {
		if !podman {
			return "docker", nil
		}
		if out, err := r.Run(ctx, Command{Name: "docker", Args: []string{"-v"}}); err == nil && strings.HasPrefix(out.Stdout, "Docker version") {
			return "docker", nil
		}
	}
	for _, e := range []string{"nerdctl", "finch"} {
		if _, ok := r.Look(e); ok {
			return containerEngine(e), nil
		}
	}
	if podman {
		return "podman", nil
	}
	return "", &Error{
		Kind:     Missing,
		Sentence: "no container engine is installed",
		Hint:     "install Docker or Podman, which kind makes its nodes with",
	}
}

// listKind returns the clusters that the container engine has, by name.
func listKind(ctx context.Context, o FindOptions) (containerEngine, []kindCluster, error) {
	engine, err := detectEngine(ctx, o.Runner)
	if err != nil {
		return "", nil, err
	}
	clusters, err := psKind(ctx, o.Runner, engine)
	if err != nil {
		if exit := (*ExitError)(nil); errors.As(err, &exit) {
			return engine, nil, &Error{
				Kind:     Missing,
				Sentence: fmt.Sprintf("%s does not answer", engine),
				Hint:     fmt.Sprintf("%s info", engine),
				Err:      err,
			}
		}
		return engine, nil, err
	}
	for i, c := range clusters {
		off, err := cutOff(o.StateDir, Kind, c.name, func() (time.Time, error) { return c.born(ctx, o.Runner, engine) })
		if err != nil {
			return engine, nil, err
		}
		if off {
			clusters[i].state = CutOff
		}
	}
	return engine, clusters, nil
}

// born returns when the first of the cluster's containers was made.
func (c kindCluster) born(ctx context.Context, r *Runner, engine containerEngine) (first time.Time, err error) {
	args := []string{"inspect", "--format", "{{.Created}}"}
	for _, n := range c.nodes {
		args = append(args, n.name)
	}
	out, err := r.Run(ctx, Command{Name: string(engine), Args: args})
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

// psKind asks the engine for the containers with kind's label.
func psKind(ctx context.Context, r *Runner, engine containerEngine) ([]kindCluster, error) {
	list := func(label string) (Output, error) {
		return r.Run(ctx, Command{Name: string(engine), Args: []string{
			"ps", "-a", "--filter", "label=io.x-k8s.kind.cluster",
			"--format", "{{.Names}}|{{.Status}}|{{.Ports}}|" + label,
		}})
	}
	out, err := list(`{{.Label "io.x-k8s.kind.cluster"}}`)
	if _, exited := exitCode(err); exited && engine == "podman" {
		out, err = list(`{{index .Labels "io.x-k8s.kind.cluster"}}`) // before Podman 5
	}
	if err != nil {
		return nil, err
	}
	return parseKind(out.Stdout), nil
}

// published finds, in an engine's column of ports, where 6443 is published:
// `127.0.0.1:46503->6443/tcp`.
var published = regexp.MustCompile(`(\S+):(\d+)->6443/tcp`)

// parseKind reads what psKind asked for, a line a container.
func parseKind(lines string) []kindCluster {
	var clusters []kindCluster
	for line := range strings.Lines(lines) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 4 || f[3] == "" {
			continue
		}
		node := kindNode{name: f[0], state: Stopped}
		switch {
		case strings.Contains(f[1], "Paused"):
			node.state = Paused
		case strings.HasPrefix(f[1], "Up"):
			node.state = Running
		}
		for _, m := range published.FindAllStringSubmatch(f[2], -1) {
			if port, err := strconv.Atoi(m[2]); err == nil {
				node.server = append(node.server, hostPort{m[1], port})
			}
		}
		i := slices.IndexFunc(clusters, func(c kindCluster) bool { return c.name == f[3] })
		if i < 0 {
			i = len(clusters)
			clusters = append(clusters, kindCluster{name: f[3], state: Running})
		}
		c := &clusters[i]
		c.nodes = append(c.nodes, node)
		c.state = max(c.state, node.state) // Running, Paused, Stopped: the worst counts
	}
	slices.SortFunc(clusters, func(a, b kindCluster) int { return cmp.Compare(a.name, b.name) })
	return clusters
}
