package minikube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
)

// proven returns nil if the kubeconfig's entry of the profile's name is minikube's, and
// leads to the profile's own node. If it leads elsewhere, the error is a *step.Error of
// kind Unsafe. What minikube wrote into the kubeconfig proves nothing alone: it can be
// copied onto any server.
func (p profile) proven(ctx context.Context, r *run.Runner, config *clientcmdapi.Config) error {
	host, port, entry, err := cluster.Server(config, p.Name)
	if err != nil {
		return err
	}
	at := net.JoinHostPort(host, strconv.Itoa(port))
	switch {
	case !madeByMinikube(entry):
		return cluster.NotLocal(p.candidate(), fmt.Sprintf("the kubeconfig's context %q is not minikube's", p.Name))
	case entry.InsecureSkipTLSVerify:
		return cluster.NotLocal(p.candidate(), "the kubeconfig does not verify the certificate of "+at)
	}
	for _, n := range p.Config.Nodes {
		if n.ControlPlane && n.IP == host && n.Port == port && cluster.IsPrivate(host) {
			return nil
		}
	}
	// On macOS or Windows the node of a container driver, or of one with a network
	// of its own, has no address here, and a port of the loopback leads to it. So
	// does a tunnel to any other cluster.
	if cluster.IsLoopback(host) && (p.publishes(ctx, r, port) || p.ownAuthority(r, entry)) {
		return nil
	}
	return cluster.NotLocal(p.candidate(), fmt.Sprintf("the kubeconfig leads to %s, where no node of it is", at))
}

// publishes reports whether a container with minikube's label for the profile publishes
// the port on this machine.
func (p profile) publishes(ctx context.Context, r *run.Runner, port int) bool {
	if !p.inContainers() || engine.Local(r, p.Config.Driver) != nil {
		return false
	}
	out, err := r.Ask(ctx, run.AnswerLimit, run.Command{Name: p.Config.Driver, Args: []string{
		"ps", "--filter", "label=name.minikube.sigs.k8s.io=" + p.Name, "--format", "{{.Ports}}",
	}})
	return err == nil && strings.Contains(out.Stdout, fmt.Sprintf(":%d->", port))
}

// ownAuthority reports whether the entry trusts the certificate authority of the
// minikube of this machine: its key is here, so a server with a certificate of it was made
// here. Containers have a better proof.
func (p profile) ownAuthority(r *run.Runner, entry *clientcmdapi.Cluster) bool {
	if p.inContainers() {
		return false
	}
	trusted := entry.CertificateAuthorityData
	if len(trusted) == 0 {
		var err error
		if trusted, err = os.ReadFile(entry.CertificateAuthority); err != nil {
			return false
		}
	}
	own, err := os.ReadFile(filepath.Join(home(r), "ca.crt"))
	return err == nil && bytes.Equal(bytes.TrimSpace(own), bytes.TrimSpace(trusted))
}

// home returns minikube's folder.
func home(r *run.Runner) string {
	if dir := r.Getenv("MINIKUBE_HOME"); dir != "" {
		if filepath.Base(dir) != ".minikube" {
			dir = filepath.Join(dir, ".minikube")
		}
		return dir
	}
	return filepath.Join(r.Home(), ".minikube")
}

// madeByMinikube reports whether minikube marked the kubeconfig's cluster entry
// as its own.
func madeByMinikube(entry *clientcmdapi.Cluster) bool {
	for _, extension := range entry.Extensions {
		raw, ok := extension.(*runtime.Unknown)
		if !ok {
			continue
		}
		var info struct{ Provider string }
		if json.Unmarshal(raw.Raw, &info) == nil && info.Provider == "minikube.sigs.k8s.io" {
			return true
		}
	}
	return false
}
