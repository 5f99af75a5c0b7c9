package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Containerized is a Provider whose clusters are containers of an engine of this machine,
// of which there may be several.
type Containerized interface {
	// EngineSettings returns the environment variables that select the engine which is
	// asked for c; "" if they are not known.
	EngineSettings(ctx context.Context, c Candidate) string
}

// EngineSettings is that of Containerized; "" for another provider.
func (f Found) EngineSettings(ctx context.Context) string {
	if p, ok := f.provider.(Containerized); ok {
		return p.EngineSettings(ctx, f.candidate)
	}
	return ""
}

// Elsewhere returns the error of a cluster that the engine which was asked does not have,
// and that was last seen in the one that settings, of EngineSettings, select; nil if that
// is the same one, or if it is not known. A stopped cluster does not answer, so that
// nothing else tells it from one that was deleted.
func (f Found) Elsewhere(ctx context.Context, settings string) *step.Error {
	now := f.EngineSettings(ctx)
	if settings == "" || now == "" || settings == now {
		return nil
	}
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("the container engine in use has no %s: it was up with %s", f.candidate, settings),
		Hint:     "export " + settings + ", then type the same command again",
	}
}

// Unlisted returns the error of a cluster that its provider does not list and whose API
// server, which the user's kubeconfig still has at an address of this machine, answers,
// or may: another container engine than before was asked. It returns nil where nothing
// is known of the cluster any more.
func (f Found) Unlisted(ctx context.Context, r *run.Runner) error {
	if f.provider == nil || f.State != Absent {
		return nil
	}
	c := f.candidate
	config, err := LoadKubeconfig(r)
	if err != nil {
		return err // what it would say is not known
	}
	host, port, _, err := Server(config, c.Context)
	if err != nil || !IsThisMachine(host) {
		return nil //nolint:nilerr // it has no entry, or one of another cluster
	}
	rc, err := RESTConfig(config, c.Context)
	if err != nil {
		return nil //nolint:nilerr // the entry is of no use
	}
	answered := r.WaitFor(APIServerOf(c))
	_, err = ListNodes(ctx, rc)
	answered()
	at := net.JoinHostPort(host, strconv.Itoa(port))
	does := "answers at " + at
	if err != nil {
		silent, ok := errors.AsType[*SilentError](err)
		if !ok || !silent.Timeout {
			return nil // nothing is there, or another server
		}
		does = "may be there: " + at + " accepts connections and does not answer"
	}
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("the container engine in use lists no %s, and its API server %s", c, does),
		Hint:     "select the engine that has it: docker context ls shows them, and DOCKER_HOST comes before them",
	}
}
