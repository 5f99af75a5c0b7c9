package kind

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A node keeps the address of its creation: its kubelet announces it, the other nodes
// and etcd are told it. The container engine gives a container the lowest address that
// is free when it starts. So nodes that are started in another order, or beside other
// containers, get each other's, and Kubernetes calls nodes ready that it does not
// reach, or does not run at all. A node image of kind's own writes its files anew
// then; others do not.

// addresses are those of nodes by name.
type addresses map[string]netip.Addr

// An addressBook asks a container engine for the addresses of a cluster's nodes.
type addressBook struct {
	runner *run.Runner
	engine containerEngine
	of     cluster.Candidate
}

// nodeIP finds the address of a node in what kubeadm has its kubelet started with.
var nodeIP = regexp.MustCompile(`--node-ip=([0-9a-fA-F.:]+)`)

// configured returns the addresses that the nodes' own files have. What cannot be read
// is left out. Nodes need not run.
func (b addressBook) configured(ctx context.Context, nodes []string) addresses {
	var mu sync.Mutex
	var reading sync.WaitGroup
	all := addresses{}
	for _, node := range nodes {
		reading.Go(func() {
			out, err := b.runner.Ask(ctx, run.AnswerLimit, run.Command{Name: string(b.engine), Args: []string{"cp", node + ":/var/lib/kubelet/kubeadm-flags.env", "-"}})
			if err != nil {
				return
			}
			if m := nodeIP.FindStringSubmatch(out.Stdout); m != nil {
				if a, err := netip.ParseAddr(m[1]); err == nil && !a.IsUnspecified() {
					mu.Lock()
					all[node] = a
					mu.Unlock()
				}
			}
		})
	}
	reading.Wait()
	return all
}

// A given is what the engine has given to the containers of a network.
type given struct {
	network string
	nodes   map[string][]string // addresses by container
}

// given asks the engine for the addresses of nodes that run.
func (b addressBook) given(ctx context.Context, nodes []string) (given, error) {
	const format = `{{.Name}}{{range $name, $n := .NetworkSettings.Networks}} {{$name}} {{$n.IPAddress}} {{$n.GlobalIPv6Address}}{{end}}`
	out, err := b.runner.Ask(ctx, run.AnswerLimit, run.Command{Name: string(b.engine), Args: append([]string{"inspect", "--format", format}, nodes...)})
	g := given{nodes: map[string][]string{}}
	for line := range strings.Lines(out.Stdout) {
		if f := strings.Fields(line); len(f) > 2 {
			g.network, g.nodes[strings.TrimPrefix(f[0], "/")] = f[1], f[2:]
		}
	}
	return g, err
}

// misplaced returns the nodes that have another address than wanted, by name. One
// without any is not known to.
func (g given) misplaced(wanted addresses) (nodes []string) {
	for node, a := range wanted {
		if has := g.nodes[node]; len(has) > 0 && !slices.Contains(has, a.String()) {
			nodes = append(nodes, node)
		}
	}
	slices.Sort(nodes)
	return nodes
}

// byAddress sorts nodes by the addresses that they had, so that an engine which gives
// the lowest free one gives each its own. Those without a known one come last.
func byAddress(nodes []string, wanted addresses) {
	slices.SortStableFunc(nodes, func(a, b string) int {
		x, y := wanted[a], wanted[b]
		if x.IsValid() != y.IsValid() {
			if x.IsValid() {
				return -1
			}
			return 1
		}
		return x.Compare(y)
	})
}

// startInPlace starts stopped nodes so that each has the address that it had. Where the
// order alone does not give it, because lower ones became free, the node is connected
// to its network anew, with that address.
func (b addressBook) startInPlace(ctx context.Context, nodes []string) error {
	wanted := b.configured(ctx, nodes)
	byAddress(nodes, wanted)
	if err := b.command(ctx, append([]string{"start"}, nodes...)...); err != nil {
		return err
	}
	g, err := b.given(ctx, nodes)
	moved := slices.DeleteFunc(g.misplaced(wanted), func(node string) bool {
		return b.command(ctx, "exec", node, "test", "-e", "/kind/old-ipv4") == nil // it follows its address
	})
	if err != nil || len(moved) == 0 {
		return nil //nolint:nilerr // what is wrong is seen when nodes do not become ready
	}
	if e := b.taken(ctx, g, wanted, moved); e != nil {
		return e
	}
	if err := b.command(ctx, append([]string{"stop"}, moved...)...); err != nil {
		return err
	}
	for _, node := range moved {
		if err := b.command(ctx, "network", "disconnect", g.network, node); err != nil {
			return err
		}
		if b.command(ctx, "network", "connect", "--ip", wanted[node].String(), g.network, node) == nil {
			continue
		}
		// A network whose addresses the engine chose takes no wishes.
		if err := b.command(ctx, "network", "connect", g.network, node); err != nil {
			return err
		}
	}
	return b.command(ctx, append([]string{"start"}, moved...)...)
}

// explain returns the error of a node whose address is another than Kubernetes has for
// it, in nodes or, where its API server does not answer, in its files; nil if there is
// none.
func (b addressBook) explain(ctx context.Context, nodes []cluster.Node) *step.Error {
	wanted := addresses{}
	for _, n := range nodes {
		if a, err := netip.ParseAddr(n.Address); err == nil {
			wanted[n.Name] = a
		}
	}
	names := nodeNames(b.of)
	if len(nodes) == 0 {
		wanted = b.configured(ctx, names)
	}
	g, err := b.given(ctx, names)
	moved := g.misplaced(wanted)
	if err != nil || len(moved) == 0 {
		return nil //nolint:nilerr // the error that is explained is told anyway
	}
	if e := b.taken(ctx, g, wanted, moved); e != nil {
		return e
	}
	return b.misplaced(g, wanted, moved[0], moved)
}

// nodeNames returns the names of all containers of c.
func nodeNames(c cluster.Candidate) (names []string) {
	if k, ok := c.Detail.(engineCluster); ok {
		for _, n := range k.nodes {
			names = append(names, n.name)
		}
	}
	return names
}

// taken returns the error of moved nodes of which one's address is that of a container
// which is no node of the cluster, or nil.
func (b addressBook) taken(ctx context.Context, g given, wanted addresses, moved []string) *step.Error {
	out, err := b.runner.Ask(ctx, run.AnswerLimit, run.Command{Name: string(b.engine), Args: []string{
		"network", "inspect", "--format", "{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.IPv6Address}}\n{{end}}", g.network,
	}})
	if err != nil {
		return nil
	}
	for line := range strings.Lines(out.Stdout) {
		f := strings.Fields(line)
		if len(f) == 0 || slices.Contains(nodeNames(b.of), f[0]) {
			continue
		}
		for _, node := range moved {
			if slices.ContainsFunc(f[1:], func(a string) bool { return strings.HasPrefix(a, wanted[node].String()+"/") }) {
				e := b.misplaced(g, wanted, node, moved)
				e.Sentence += fmt.Sprintf(", which container %s has now", f[0])
				e.Hint = fmt.Sprintf("%s stop %s && %s", b.engine, f[0], e.Hint)
				return e
			}
		}
	}
	return nil
}

// misplaced returns an error that says that node has another address than Kubernetes has for it, and
// that a start by hellox of the nodes in stop gives it that again.
func (b addressBook) misplaced(g given, wanted addresses, node string, stop []string) *step.Error {
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("node %s of %s was started with address %s; Kubernetes has %s for it", node, b.of, g.nodes[node][0], wanted[node]),
		Hint:     fmt.Sprintf("%s stop %s && %s", b.engine, strings.Join(stop, " "), b.of.UpCommand()),
	}
}

// command runs the engine's command.
func (b addressBook) command(ctx context.Context, args ...string) error {
	_, err := b.runner.Run(ctx, run.Command{Name: string(b.engine), Args: args})
	return err
}
