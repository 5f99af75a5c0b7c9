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
