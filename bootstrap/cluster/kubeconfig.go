package cluster

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/run"
)

// Kubeconfig are the files of the user's kubeconfig, as kubectl finds
// them. It implements clientcmd.ConfigAccess.
type Kubeconfig []string

func KubeconfigOf(r *run.Runner) Kubeconfig {
	var files Kubeconfig
	for _, f := range filepath.SplitList(r.Getenv("KUBECONFIG")) {
		if f != "" {
			files = append(files, f)
		}
	}
	if len(files) > 0 {
		return files
	}
	home := r.Getenv("HOME")
	if runtime.GOOS == "windows" {
		home = r.Getenv("USERPROFILE")
	}
	return Kubeconfig{filepath.Join(home, ".kube", "config")}
}

func (f Kubeconfig) GetLoadingPrecedence() []string { return f }
func (f Kubeconfig) IsExplicitFile() bool           { return false }
func (f Kubeconfig) GetExplicitFile() string        { return "" }

// GetDefaultFilename returns the file that new settings go to.
func (f Kubeconfig) GetDefaultFilename() string {
	for _, file := range f {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return f[len(f)-1]
}

// GetStartingConfig reads all the files as one, with paths as they stand.
func (f Kubeconfig) GetStartingConfig() (*clientcmdapi.Config, error) {
	return f.Load(false)
}

func (f Kubeconfig) Load(resolve bool) (*clientcmdapi.Config, error) {
	rules := clientcmd.ClientConfigLoadingRules{Precedence: f, DoNotResolvePaths: !resolve}
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// KeepContext remembers the kubeconfig's current context. The function that
// it returns puts it back, whatever a tool has set meanwhile. Where there
// was none, it leaves the tool's.
func (f Kubeconfig) KeepContext() (restore func() error, err error) {
	before, err := f.Load(false)
	if err != nil {
		return nil, err
	}
	return func() error {
		now, err := f.Load(false)
		if err != nil {
			return err
		}
		if before.CurrentContext == "" || now.CurrentContext == before.CurrentContext {
			return nil
		}
		now.CurrentContext = before.CurrentContext
		if err := clientcmd.ModifyConfig(f, *now, false); err != nil {
			return fmt.Errorf("put back the kubeconfig's current context %q: %w", before.CurrentContext, err)
		}
		return nil
	}, nil
}

// RESTConfig returns how to reach the context's API server.
func RESTConfig(config *clientcmdapi.Config, context string) (*rest.Config, error) {
	c, err := clientcmd.NewNonInteractiveClientConfig(*config, context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig context %q: %w", context, err)
	}
	// The cluster is on this machine: a proxy for the outside world would
	// only stand in the way.
	c.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c.UserAgent = "hellox"
	return c, nil
}
