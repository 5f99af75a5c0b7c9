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

// A Kubeconfig is the list of the files of the user's kubeconfig. It implements
// clientcmd.ConfigAccess.
type Kubeconfig []string

// KubeconfigOf returns the files that kubectl would read in r's environment.
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

// GetDefaultFilename returns the file that new settings are written to.
func (f Kubeconfig) GetDefaultFilename() string {
	for _, file := range f {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return f[len(f)-1]
}

// GetStartingConfig merges all files and leaves their relative paths.
func (f Kubeconfig) GetStartingConfig() (*clientcmdapi.Config, error) {
	return f.Load(false)
}

// Load merges all files. resolve makes their relative paths absolute.
func (f Kubeconfig) Load(resolve bool) (*clientcmdapi.Config, error) {
	rules := clientcmd.ClientConfigLoadingRules{Precedence: f, DoNotResolvePaths: !resolve}
	config, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	return config, nil
}

// KeepContext saves the kubeconfig's current context. restore sets it again,
// whatever another program has set meanwhile. If there was none, restore leaves
// the other program's.
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
