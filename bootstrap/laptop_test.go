package bootstrap

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/bootstraptest"
)

func TestMain(m *testing.M) { os.Exit(bootstraptest.Main(m)) }

// A laptop is one whose clusters are looked for.
type laptop struct {
	*bootstraptest.Laptop
	// nodesTimeout is how long nodes may take to become ready; 0: as always.
	nodesTimeout time.Duration
	find         FindOptions
	// stateDir and cacheDir are those of the providers.
	stateDir, cacheDir string
}

func newLaptop(t *testing.T, programs ...string) *laptop {
	t.Helper()
	l := bootstraptest.NewLaptop(t, programs...)
	return &laptop{
		Laptop: l, find: FindOptions{Target: Auto},
		stateDir: filepath.Join(l.Dir, "state"), cacheDir: filepath.Join(l.Dir, "cache"),
	}
}

// minikube returns the laptop's provider of minikube profiles.
func (l *laptop) minikube() *minikubeProvider {
	return &minikubeProvider{runner: l.Runner(), stateDir: l.stateDir, cacheDir: l.cacheDir}
}

// providers returns all of the laptop's providers.
func (l *laptop) providers() []Provider {
	return Providers(ProviderOptions{Runner: l.Runner(), StateDir: l.stateDir, CacheDir: l.cacheDir})
}

// found finds what the laptop has.
func (l *laptop) found(ctx context.Context) (Found, error) {
	return Find(ctx, l.providers(), l.find)
}

// userConfig returns the laptop's kubeconfig.
func (l *laptop) userConfig() *clientcmdapi.Config {
	l.T.Helper()
	config, err := kubeconfigFilesOf(l.Runner()).load(true)
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
