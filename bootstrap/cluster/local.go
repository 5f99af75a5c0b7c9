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

// Server returns the address of the API server that a context of config names,
// and the context's cluster entry.
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

// IsLoopback reports whether host is a loopback address or localhost. Any other
// name could be resolved to any address.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// IsThisMachine reports whether host is an address of this machine. The unspecified
// one, which kind writes for an API server on all addresses, connects to it.
func IsThisMachine(host string) bool {
	if IsLoopback(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if addr.IsUnspecified() {
		return true
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

// IsPrivate reports whether host is an address that is not routed on the
// internet.
func IsPrivate(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast()
}

// NotLocal returns the error of an API server that is not proven to be c's.
func NotLocal(c Candidate, why string) *step.Error {
	return &step.Error{
		Kind:     step.Unsafe,
		Sentence: fmt.Sprintf("refused: not proven to be %s: %s", c, why),
		Hint:     fmt.Sprintf("kubectl config rename-context %s another-name, if it is another cluster's", c.Context),
	}
}
