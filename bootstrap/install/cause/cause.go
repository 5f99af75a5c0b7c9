package cause

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/kube"
)

// A Cause is why a pod is not ready, or why there is none.
type Cause struct {
	Pod       string `json:"pod"` // or the workload that gets no pod
	Role      string `json:"role"`
	Container string `json:"container,omitempty"`
	// Reason is Kubernetes' reason where there is one, such as OOMKilled.
	Reason string `json:"reason"`
	// Text is the cause in a few words, without the pod's name.
	Text string `json:"text"`
	// Hint is what fixes it, or what shows more.
	Hint string `json:"hint,omitempty"`
	// Evidence holds the last lines that the container logged, or the message
	// that Text is short for.
	Evidence []string `json:"evidence,omitempty"`

	// Grace is how long it may last before the roll-out fails.
	Grace time.Duration `json:"-"`
	// Quiet is how long it lasts before it is worth a word, if that is more than a moment.
	Quiet time.Duration `json:"-"`
	// Crashed means that a container ended: its last log lines explain more.
	Crashed bool `json:"-"`
	// Unready means that the container runs and a probe fails, which is often
	// only a matter of time.
	Unready bool `json:"-"`
	// Asked is the port and path that a probe asks over HTTP and whose answer is a failure,
	// such as 9000/readyz: a role of hellox says there why. "" if it is none of these.
	Asked string `json:"-"`
	// Early means that it is too early to speak of it: each start looks like that.
	Early bool `json:"-"`

	about Subject
	// exited means that the program ended by itself: what it printed tells why.
	exited bool
}

// How long a cause may last before the roll-out fails.
const (
	// Kubernetes does not recover from it.
	graceNone = 500 * time.Millisecond
	// It may depend on an object that is being created, or on a pod that ends.
	graceShort = 5 * time.Second
	// The scheduler waits for a volume, a node or room.
	graceLong = 10 * time.Second
	// A part of the cluster may still start: that of one just made takes a while on a busy
	// machine.
	graceStart = time.Minute
	// A probe has to fail several times before Kubernetes acts on it, and a
	// container that ended once may stay up the next time.
	graceProbe = 90 * time.Second
)

// Family is the same in all phases of a cause: a container that crashes is
// waiting, running and ended in turn, and a pull fails and backs off in turn.
func (c *Cause) Family() string {
	switch {
	case c.Crashed:
		return "crash"
	case c.Unready:
		return "unready"
	case strings.Contains(c.Reason, "Image"):
		return "image"
	}
	return c.Reason
}

// String names the pod and says the cause.
func (c *Cause) String() string { return c.Pod + ": " + c.Text }

// A Subject is a pod and what else is known of it.
type Subject struct {
	Pod    *corev1.Pod
	Role   string
	Events []Event // of the pod
	// Image is the one that hellox loads into the nodes; "" if that is not known.
	Image   string
	Cluster Lookup // nil: causes go without what it would tell
	// Commands are for the installation of the pod.
	Commands kube.Commands
}

// Of returns why a pod is not ready; nil if it is ready, or is starting without a
// problem so far.
func Of(s Subject) *Cause {
	c := s.cause()
	if c == nil {
		return nil
	}
	c.Pod, c.Role, c.about = s.Pod.Name, s.Role, s
	if c.Hint == "" {
		c.Hint = s.Commands.Namespaced("describe pod " + s.Pod.Name)
	}
	c.fit()
	return c
}

func (s Subject) cause() *Cause {
	for i, statuses := range [][]corev1.ContainerStatus{s.Pod.Status.InitContainerStatuses, s.Pod.Status.ContainerStatuses} {
		for _, status := range statuses {
			c := s.container(status)
			if c == nil {
				continue
			}
			c.Container = status.Name
			if i == 0 {
				c.Text = fmt.Sprintf("init container %q: %s", status.Name, c.Text)
			}
			return c
		}
	}
	if s.Pod.Status.Phase == corev1.PodFailed {
		return &Cause{
			Reason: s.Pod.Status.Reason, // such as Evicted
			Text:   Join("the pod failed", s.Pod.Status.Reason, s.Pod.Status.Message),
			Grace:  graceShort,
		}
	}
	for _, condition := range s.Pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return unscheduled(s, condition)
		}
	}
	if c := nodeNotReady(s); c != nil {
		return c
	}
	return notMade(s)
}

// container explains the state of one container; nil if there is nothing to explain.
func (s Subject) container(status corev1.ContainerStatus) *Cause {
	if w := status.State.Waiting; w != nil {
		return s.waiting(status, w)
	}
	if t := status.State.Terminated; t != nil {
		return s.ended(status, t)
	}
	if status.State.Running == nil || status.Ready {
		return nil
	}
	if t := status.LastTerminationState.Terminated; t != nil {
		if c := s.ended(status, t); c != nil {
			return c
		}
	}
	if slices.ContainsFunc(s.Pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == status.Name }) {
		return nil // it runs to its end
	}
	return s.unready(status)
}

// spec returns the container of that name as the pod asks for it, or nil.
func (s Subject) spec(name string) *corev1.Container {
	for _, containers := range [][]corev1.Container{s.Pod.Spec.Containers, s.Pod.Spec.InitContainers} {
		for i := range containers {
			if containers[i].Name == name {
				return &containers[i]
			}
		}
	}
	return nil
}

// logs is the command that shows what a container logged; of the container before
// the last restart if previous.
func (s Subject) logs(container string, previous bool) string {
	flag := ""
	if previous {
		flag = " --previous"
	}
	first := len(s.Pod.Spec.Containers) == 0 || s.Pod.Spec.Containers[0].Name == container
	if s.Role != "" && first { // hellox logs shows the first one
		return s.Commands.Hellox("logs " + s.Role + flag)
	}
	return s.Commands.Namespaced(fmt.Sprintf("logs %s -c %s%s", s.Pod.Name, container, flag))
}
