package cluster

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/run"
)

// kubeconfigOf returns the files that kubectl would read in r's environment.
func kubeconfigOf(r *run.Runner) *clientcmd.ClientConfigLoadingRules {
	var files []string
	for _, f := range filepath.SplitList(r.Getenv("KUBECONFIG")) {
		if f != "" {
			files = append(files, f)
		}
	}
	home := r.Getenv("HOME")
	if runtime.GOOS == "windows" {
		home = r.Getenv("USERPROFILE")
	}
	if len(files) == 0 {
		files = []string{filepath.Join(home, ".kube", "config")}
	}
	return &clientcmd.ClientConfigLoadingRules{Precedence: files}
}

// LoadKubeconfig returns the user's kubeconfig, merged from all its files.
func LoadKubeconfig(r *run.Runner) (*clientcmdapi.Config, error) {
	config, err := kubeconfigOf(r).Load()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// KeepContext saves the kubeconfig's current context. restore sets it again,
// whatever another program has set meanwhile. If there was none, restore leaves
// the other program's.
func KeepContext(r *run.Runner) (restore func() error, err error) {
	before, err := LoadKubeconfig(r)
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := LoadKubeconfig(r)
		if err != nil {
			return err
		}
		if before.CurrentContext == "" || now.CurrentContext == before.CurrentContext {
			return nil
		}
		now.CurrentContext = before.CurrentContext
		if err := clientcmd.ModifyConfig(kubeconfigOf(r), *now, false); err != nil {
			return fmt.Errorf("restore the kubeconfig's current context %q: %w", before.CurrentContext, err)
		}
		return nil
	}, nil
}

// RESTConfig returns the client configuration of one of config's contexts.
func RESTConfig(config *clientcmdapi.Config, context string) (*rest.Config, error) {
	c, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", context, err)
	}
	// The cluster is on this machine: a proxy for other hosts would only
	// break the connection.
	c.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c.UserAgent = "hellox"
	return c, nil
}
