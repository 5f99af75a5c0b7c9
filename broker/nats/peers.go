package nats

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// checkPeers says in the log if none of three peers is this node, as far as their names
// are known: a fourth node is one that the others' majority does not count with.
func (n *Node) checkPeers(ctx context.Context) {
	if len(n.opts.Peers) < clusterReplicas {
		return // the others alone
	}
	for _, peer := range n.opts.Peers {
		host, port, _ := net.SplitHostPort(peer) // Options.check has read it
		addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
		if err != nil || port == fmt.Sprint(n.opts.Routes.Port) && slices.ContainsFunc(addresses, n.isOwn) {
			return
		}
	}
	n.opts.Log.Error("none of the three peers is this node: a cluster has three nodes, this one among them",
		"peers", strings.Join(n.opts.Peers, " "), "routes", n.opts.Routes.String())
}

// isOwn reports whether the routes of this node listen at an address.
func (n *Node) isOwn(a net.IPAddr) bool {
	if routes := n.opts.Routes.IP; len(routes) > 0 && !routes.IsUnspecified() {
		return routes.Equal(a.IP)
	}
	locals, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(locals, func(l net.Addr) bool {
		own, ok := l.(*net.IPNet)
		return ok && own.IP.Equal(a.IP)
	})
}

// others returns the names of the other nodes that are connected, sorted.
func (n *Node) others() (names []string) {
	routes, err := n.server.Routez(&server.RoutezOptions{})
	if err != nil {
		return nil
	}
	for _, route := range routes.Routes {
		names = append(names, route.RemoteName)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkOthers says in the log if there are more nodes than a cluster has: nodes tell
// each other of all they know, whatever was configured.
func (n *Node) checkOthers() {
	names := n.others()
	if text := strings.Join(names, " "); len(names) >= clusterReplicas && text != n.tooMany {
		n.tooMany = text
		n.opts.Log.Error("more than three nodes are connected to each other: all must have the same peers, and each store its own node", "others", text)
	}
}
