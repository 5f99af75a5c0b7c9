package cluster

import (
	"errors"
	"fmt"
	"strings"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// ErrNodeStopped is the cause of the error of a node that does not run, whatever its
// API server still says of it.
var ErrNodeStopped = errors.New("it is not running")

// isNodeStopped reports whether err is what a program says of a node that does not
// run: docker and nerdctl, podman, and minikube ssh.
func isNodeStopped(err error) bool {
	exit := (*run.ExitError)(nil)
	if !errors.As(err, &exit) {
		return false
	}
	for _, words := range []string{"is not running", "container state improper", "is paused, unpause", "No such container"} {
		if strings.Contains(exit.Stderr, words) {
			return true
		}
	}
	return false
}

// StoppedNodes returns the nodes that do not run, as far as the provider knows, though
// the API server may still call them ready.
func (c *Cluster) StoppedNodes() []string { return c.candidate.Stopped }

// nodeStopped returns the error of a node that does not run.
func (c *Cluster) nodeStopped(node string) error {
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("use node %s of %s", node, c.candidate),
		Err:      ErrNodeStopped,
		Hint:     c.candidate.UpCommand() + " starts it",
	}
}
