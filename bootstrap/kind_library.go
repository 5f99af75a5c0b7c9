package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/exec"
	"sigs.k8s.io/kind/pkg/log"
)

// libraryEnviron is held while the process's environment is not its own.
var libraryEnviron sync.Mutex

// withKind calls f with kind's library. The library runs its programs with
// the environment of this process and takes no other, so for as long as f
// takes, the settings that a Runner may differ in are put in place.
func (f Found) withKind(progress func(string), do func(*cluster.Provider) error) error {
	libraryEnviron.Lock()
	defer libraryEnviron.Unlock()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "KUBECONFIG", "HOME", "PATH"} {
		ours, isSet := os.LookupEnv(name)
		theirs := f.options.Runner.Getenv(name)
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
	provider := cluster.ProviderWithDocker()
	switch f.engine {
	case "podman":
		provider = cluster.ProviderWithPodman()
	case "nerdctl", "finch":
		provider = cluster.ProviderWithNerdctl(string(f.engine))
	}
	err := do(cluster.NewProvider(provider, cluster.ProviderWithLogger(kindLog(progress))))
	if run := exec.RunErrorForError(err); run != nil {
		// Its own text is the whole command and no word of what went wrong.
		lines := bytes.Split(bytes.TrimSpace(run.Output), []byte("\n"))
		return fmt.Errorf("%s: %s", run.Command[0], lines[len(lines)-1])
	}
	return err
}

// kubeConfigKind returns the administrator's kubeconfig of the cluster, with
// the address that its container publishes.
func (f Found) kubeConfigKind() (config string, err error) {
	err = f.withKind(func(string) {}, func(p *cluster.Provider) error {
		config, err = p.KubeConfig(f.Profile, false)
		return err
	})
	return config, err
}

func (f Found) deleteKind(context.Context) error {
	return f.withKind(func(string) {}, func(p *cluster.Provider) error { return p.Delete(f.Profile, "") })
}

// errTaken is a cluster of that name that appeared since it was looked for.
var errTaken = errors.New("somebody else just made one of that name")

// createKind makes the cluster. The library cannot be cancelled: when the
// context ends, the ground is pulled from under it, its containers, on which
// it fails.
func (f Found) createKind(ctx context.Context, progress func(string)) error {
	options := []cluster.CreateOption{
		cluster.CreateWithWaitForReady(0), // waitForNodes waits, for every node
		cluster.CreateWithDisplayUsage(false),
		cluster.CreateWithDisplaySalutation(false),
	}
	if f.options.NodeImage != "" {
		options = append(options, cluster.CreateWithNodeImage(f.options.NodeImage))
	}
	// What it says after we have left, nobody listens to.
	var mu sync.Mutex
	left := false
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		left = true
	}()
	say := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if !left {
			progress(step)
		}
	}
	made := make(chan error, 1)
	go func() {
		made <- f.withKind(say, func(p *cluster.Provider) error { return p.Create(f.Profile, options...) })
	}()
	select {
	case err := <-made:
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if strings.Contains(err.Error(), "already exist for a cluster with the name") {
			return &Error{Kind: Failed, Sentence: "make " + f.thing(), Hint: "hellox up takes that one", Err: errTaken}
		}
		return &Error{
			Kind:     Failed,
			Sentence: "make " + f.thing(),
			Hint:     kindHint(err, f.options.NodeImage),
			Err:      err,
		}
	case <-ctx.Done():
	}
	// A container may just be on its way: more than once.
	deadline := time.After(1500 * time.Millisecond)
	for {
		_ = f.removeKindNodes(ctx) // makeKind sees whether all went
		select {
		case <-made:
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			// It pulls an image, most likely. It ends with this process,
			// and the next `up` finds what it left.
			return context.Cause(ctx)
		}
	}
}

// kindHint is what to do about the commonest reason.
func kindHint(err error, image string) string {
	if strings.Contains(err.Error(), "pull") || strings.Contains(err.Error(), "No such image") {
		if image == "" {
			return "kind's node image comes from a registry; --node-image names one that is here"
		}
		return "docker image ls shows what --node-image can name"
	}
	return "kind create cluster --retain, then kind export logs, shows more"
}

// removeKindNodes removes the cluster's containers, also when the context
// has ended, in which case it has a second.
func (f Found) removeKindNodes(ctx context.Context) error {
	limit := 30 * time.Second
	if ctx.Err() != nil {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	clusters, err := psKind(ctx, f.options.Runner, f.engine)
	if err != nil || !has(clusters, f.Profile) {
		return err
	}
	args := []string{"rm", "-f", "-v"}
	for _, n := range named(clusters, f.Profile).nodes {
		args = append(args, n.name)
	}
	_, err = f.options.Runner.Run(ctx, Command{Name: string(f.engine), Args: args})
	return err
}

// kindLog is where the library tells its steps; it implements log.Logger.
// Warnings and errors are not passed on: what matters of them is returned.
type kindLog func(string)

func (l kindLog) Warn(string)           {}
func (l kindLog) Warnf(string, ...any)  {}
func (l kindLog) Error(string)          {}
func (l kindLog) Errorf(string, ...any) {}

func (l kindLog) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return l
}

func (l kindLog) Enabled() bool            { return true }
func (l kindLog) Infof(f string, a ...any) { l.Info(fmt.Sprintf(f, a...)) }

// Info passes on the beginning of a step, ` • Starting control-plane 🕹️  ...`,
// as its words.
func (l kindLog) Info(message string) {
	step, ok := strings.CutPrefix(strings.TrimSpace(message), "• ")
	if !ok {
		return
	}
	step = strings.Map(func(r rune) rune {
		if r > 0xff {
			return -1
		}
		return r
	}, strings.TrimSuffix(step, "..."))
	l(strings.TrimSpace(step))
}
