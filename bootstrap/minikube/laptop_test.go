package minikube

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/kind"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// A laptop is one whose clusters are looked for.
type laptop struct {
	*bootstraptest.Laptop
	find cluster.FindOptions
	// stateDir and cacheDir are those of the providers.
	stateDir, cacheDir string
}

func newLaptop(t *testing.T, programs ...string) *laptop {
	t.Helper()
	l := bootstraptest.NewLaptop(t, programs...)
	return &laptop{
		Laptop: l, find: cluster.FindOptions{Target: cluster.Auto},
		stateDir: filepath.Join(l.Dir, "state"), cacheDir: filepath.Join(l.Dir, "cache"),
	}
}

// minikube returns the laptop's provider of minikube profiles.
func (l *laptop) minikube() *Provider {
	return New(Options{Runner: l.Runner(), StateDir: l.stateDir, CacheDir: l.cacheDir})
}

// providers returns all of the laptop's providers.
func (l *laptop) providers() []cluster.Provider {
	return []cluster.Provider{l.minikube(), kind.New(kind.Options{Runner: l.Runner(), StateDir: l.stateDir})}
}

// found finds what the laptop has.
func (l *laptop) found(ctx context.Context) (cluster.Found, error) {
	return cluster.Find(ctx, l.providers(), l.find)
}

// userConfig returns the laptop's kubeconfig.
func (l *laptop) userConfig() *clientcmdapi.Config {
	l.T.Helper()
	config, err := cluster.LoadKubeconfig(l.Runner())
	if err != nil {
		l.T.Fatal(err)
	}
	return config
}

// listed and its kin are the calls that Find makes, with a recording's
// answers.
func listed(recording string) bootstraptest.Play {
	return bootstraptest.Play{Call: "minikube profile list -o json --light", Recording: recording}
}

func asked(profile, recording string) bootstraptest.Play {
	return bootstraptest.Play{Call: "minikube status -p " + profile + " -o json", Recording: recording}
}
