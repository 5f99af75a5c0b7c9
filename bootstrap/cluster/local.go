package cluster

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/step"
)

// Server returns the address of the API server that a context of the
// kubeconfig names.
func Server(config *clientcmdapi.Config, context string) (host string, port int, cluster *clientcmdapi.Cluster, err error) {
	c, ok := config.Contexts[context]
	if !ok {
		return "", 0, nil, fmt.Errorf("the kubeconfig has no context %q", context)
	}
	cluster, ok = config.Clusters[c.Cluster]
	if !ok {
		return "", 0, nil, fmt.Errorf("the kubeconfig's context %q names a cluster %q that is not in it", context, c.Cluster)
	}
	u, err := url.Parse(cluster.Server)
	if err != nil || u.Scheme != "https" {
		return "", 0, nil, fmt.Errorf("the kubeconfig's cluster %q has a server that is no https address", c.Cluster)
	}
	port = 443
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return "", 0, nil, fmt.Errorf("the kubeconfig's cluster %q has a server with no port", c.Cluster)
		}
	}
	return u.Hostname(), port, cluster, nil
}

// IsLoopback says whether the host is this machine's loopback. A name other
// than localhost is not: who resolves it can send it anywhere.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// IsThisMachine says whether the host is an address of this machine.
func IsThisMachine(host string) bool {
	if IsLoopback(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == addr.Unmap() {
			return true
		}
	}
	return false
}

// IsPrivate says whether the host is an address that no packet from here
// reaches over the internet.
func IsPrivate(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()
}

// NotLocal is the refusal of a server that is not proven to be c's.
func NotLocal(c Candidate, why string) *step.Error {
	return &step.Error{
		Kind:     step.Unsafe,
		Sentence: fmt.Sprintf("refused to touch a cluster that is not shown to be %s: %s", c, why),
	}
}
