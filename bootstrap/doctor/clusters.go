package doctor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// connectTime bounds the questions to one cluster.
const connectTime = 10 * time.Second

// kubeconfig judges whether kubectl's files can be read. None at all is fine: who
// creates a cluster makes one.
func (e *examination) kubeconfig() {
	config, err := cluster.LoadKubeconfig(e.Runner)
	if err != nil {
		e.add(failure("kubeconfig", err, "kubectl config view"))
		return
	}
	if config.CurrentContext == "" {
		e.add(ok("kubeconfig", "no current context; up needs none"))
		return
	}
	e.add(ok("kubeconfig", fmt.Sprintf("current context %q; up leaves it as it is", config.CurrentContext)))
}

// provider judges a provider and its clusters.
func (e *examination) provider(ctx context.Context, p cluster.Provider, info cluster.Info) {
	name := string(info.Target)
	candidates, err := p.List(ctx, nil)
	if err != nil {
		e.add(e.unlisted(name, err))
		return
	}
	if len(candidates) == 0 {
		detail := fmt.Sprintf("usable, without a %s; up creates %q", info.Unit, info.DefaultName)
		e.add(ok(name, detail))
	}
	for _, c := range candidates {
		if e.Profile == "" || e.Profile == c.Name {
			e.candidate(ctx, p, c)
		}
	}
	if err := e.oldKind(ctx, info); err != nil {
		e.add(*err)
	}
}

// unlisted judges a provider that cannot say what it has. One that is not installed
// matters only if it was asked for.
func (e *examination) unlisted(name string, err error) Check {
	c := failure(name, err, "hellox up --target local")
	if s := new(step.Error); errors.As(err, &s) && strings.Contains(s.Sentence, "is installed") || strings.Contains(err.Error(), "is not installed") {
		if e.Target == cluster.Auto {
			c.Verdict = Warn
		}
	}
	return c
}

// candidate judges one cluster by its state, and one that runs by its nodes.
func (e *examination) candidate(ctx context.Context, p cluster.Provider, c cluster.Candidate) {
	name := c.String()
	again := c.UpCommand()
	switch c.State {
	case cluster.Running:
		e.running(ctx, p, c)
	case cluster.Paused:
		e.add(warn(name, "it is paused; up unpauses it", again))
	case cluster.Stopped:
		e.add(warn(name, "it is stopped, or one of its nodes is; up starts it", again))
	case cluster.Interrupted:
		e.add(warn(name, "its creation was interrupted; up begins it again", again))
	case cluster.Gone:
		e.add(fail(name, "its nodes were removed, and it is still on record", c.DeleteCommand))
	default:
		if c.Err == nil {
			e.add(fail(name, "it cannot be used", c.DeleteCommand))
			return
		}
		e.add(failure(name, c.Err, c.DeleteCommand))
	}
}

// running judges the API server and the nodes of a cluster that runs.
func (e *examination) running(ctx context.Context, p cluster.Provider, c cluster.Candidate) {
	name := c.String()
	ctx, cancel := context.WithTimeoutCause(ctx, connectTime, fmt.Errorf("no answer within %s", connectTime))
	defer cancel()
	config, err := p.Connect(ctx, c)
	if err != nil {
		e.add(failure(name, err, c.RestartCommand))
		return
	}
	nodes, err := cluster.ListNodes(ctx, config)
	if err != nil {
		e.add(failure(name, cluster.NotReady(c, err), c.RestartCommand))
		return
	}
	bad := false
	for _, n := range nodes {
		e.mu.Lock()
		e.archs[n.Arch] = true
		e.mu.Unlock()
		if !n.Ready {
			bad = true
			e.add(warn(name, fmt.Sprintf("node %s is not ready: %s; up starts it if it is stopped", n.Name, n.Why),
				c.UpCommand()))
		}
		for _, pressure := range n.Pressure {
			bad = true
			e.add(fail(name, fmt.Sprintf("node %s: %s: its pods are evicted", n.Name, pressure), pressureCure(c, n.Name)))
		}
	}
	if stale := e.staleEntry(c, config.Host); stale != "" {
		bad = true
		cure := "minikube update-context -p " + c.Name
		if c.Target == "kind" {
			cure = "kind export kubeconfig --name " + c.Name
		}
		e.add(warn(name, stale, cure))
	}
	if !bad {
		count := "1 node, ready"
		if len(nodes) != 1 {
			count = fmt.Sprintf("%d nodes, all ready", len(nodes))
		}
		e.add(ok(name, "running, proven to be on this machine; "+count))
	}
}

// pressureCure shows what fills a node.
func pressureCure(c cluster.Candidate, node string) string {
	return c.Commands().Cluster("describe node "+node) + "; docker system df"
}

// staleEntry returns why kubectl would not reach c: its entry names another address
// than the cluster has now. hellox asks the cluster itself, and does not depend on it.
func (e *examination) staleEntry(c cluster.Candidate, host string) string {
	config, err := cluster.LoadKubeconfig(e.Runner)
	if err != nil {
		return ""
	}
	entry, err := clientcmd.NewNonInteractiveClientConfig(*config, c.Context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	switch {
	case err != nil:
		return fmt.Sprintf("it runs, and the kubeconfig has no usable context %q; hellox needs none", c.Context)
	case entry.Host != host:
		return fmt.Sprintf("it runs at %s, and the kubeconfig says %s; hellox finds it all the same", host, entry.Host)
	}
	return ""
}

// kindForContainerd2 is the first kind whose command can load images into nodes with
// containerd 2: an older one fails with "failed to detect containerd snapshotter".
const kindForContainerd2 = 27

// oldKind warns of a kind command that is older than its nodes. hellox has kind's
// library compiled in, and loads images itself; a person's kind load fails.
func (e *examination) oldKind(ctx context.Context, info cluster.Info) *Check {
	if info.Target != "kind" || !info.Installed {
		return nil
	}
	out, err := e.Runner.Ask(ctx, run.AnswerLimit, run.Command{Name: "kind", Args: []string{"version"}})
	if err != nil {
		c := warn("kind command", err.Error(), "kind version")
		return &c
	}
	version, minor := kindVersion(out.Stdout)
	if minor < 0 || minor >= kindForContainerd2 {
		return nil
	}
	c := warn("kind command", fmt.Sprintf("kind %s is older than node images with containerd 2: its own kind load fails there; hellox up does not", version),
		"go install sigs.k8s.io/kind@latest")
	return &c
}

// kindVersion reads "kind v0.33.0 go1.26.0 linux/amd64"; minor is -1 if it cannot.
func kindVersion(answer string) (version string, minor int) {
	for _, word := range strings.Fields(answer) {
		rest, found := strings.CutPrefix(word, "v0.")
		if !found {
			continue
		}
		number, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(number); err == nil {
			return word, n
		}
	}
	return "", -1
}
