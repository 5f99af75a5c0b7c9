package kind

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/exec"

	"hellox/bootstrap/run"
)

// libraryEnviron is locked while the process's environment is changed.
var libraryEnviron sync.Mutex

// withLibrary calls do with kind's library. The library runs its programs with
// the environment of this process and takes no other, so for as long as do
// takes, the settings that a Runner may differ in are put in place.
func (p *Provider) withLibrary(ctx context.Context, progress func(string), do func(*kindcluster.Provider) error) error {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return err
	}
	libraryEnviron.Lock()
	defer libraryEnviron.Unlock()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "KUBECONFIG", "HOME", "PATH"} {
		ours, isSet := os.LookupEnv(name)
		theirs := p.runner.Getenv(name)
		if ours == theirs {
			continue
		}
		if theirs == "" {
			_ = os.Unsetenv(name)
		} else {
			_ = os.Setenv(name, theirs)
		}
		defer func() {
			if isSet {
				_ = os.Setenv(name, ours)
			} else {
				_ = os.Unsetenv(name)
			}
		}()
	}
	provider := kindcluster.ProviderWithDocker()
	switch engine {
	case "podman":
		provider = kindcluster.ProviderWithPodman()
	case "nerdctl", "finch":
		provider = kindcluster.ProviderWithNerdctl(string(engine))
	}
	err = do(kindcluster.NewProvider(provider, kindcluster.ProviderWithLogger(stepLog(progress))))
	if failed := exec.RunErrorForError(err); failed != nil {
		// Its own text is the whole command without the reason.
		lines := bytes.Split(bytes.TrimSpace(failed.Output), []byte("\n"))
		err = fmt.Errorf("%s: %s", failed.Command[0], lines[len(lines)-1])
		if image, pulled := pulls(failed.Command); pulled {
			err = pullError{image, err}
		}
	}
	return err
}

// A pullError is why a node image, which is not on this machine, cannot be pulled.
type pullError struct {
	image string
	err   error
}

func (e pullError) Error() string {
	return fmt.Sprintf("its node image %s is not here and cannot be pulled: %s", e.image, e.err)
}

// pulls reports whether the command pulls an image, and which.
func pulls(command []string) (image string, ok bool) {
	at := slices.Index(command, "pull")
	if at < 0 || at == len(command)-1 {
		return "", false
	}
	image, _, _ = strings.Cut(command[len(command)-1], "@") // without the digest
	return image, true
}

// kubeConfigLimit is how long a cluster's kubeconfig may take: the library asks the
// engine several times.
const kubeConfigLimit = 3 * run.AnswerLimit

// kubeConfig returns the administrator's kubeconfig of the cluster, with the
// address that its container publishes.
func (p *Provider) kubeConfig(ctx context.Context, name string) (config string, err error) {
	type answer struct {
		config string
		err    error
	}
	err = p.runner.Question(ctx, "kind get kubeconfig --name "+name, kubeConfigLimit, func(ctx context.Context) error {
		answered := make(chan answer, 1)
		// The library cannot be ended: a program that does not answer it is left
		// behind.
		go func() {
			var a answer
			a.err = p.withLibrary(ctx, func(string) {}, func(l *kindcluster.Provider) (err error) {
				a.config, err = l.KubeConfig(name, false)
				return err
			})
			answered <- a
		}()
		select {
		case a := <-answered:
			config = a.config
			return a.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	return config, err
}

func (p *Provider) deleteCluster(ctx context.Context, name string) error {
	return p.withLibrary(ctx, func(string) {}, func(l *kindcluster.Provider) error { return l.Delete(name, "") })
}
