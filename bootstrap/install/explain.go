package install

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A Cause is why a pod is not ready.
type Cause struct {
	Pod       string `json:"pod"`
	Role      string `json:"role"`
	Container string `json:"container,omitempty"`
	// Reason is Kubernetes' reason where there is one, such as OOMKilled.
	Reason string `json:"reason"`
	// Text is the cause in a few words, without the pod's name.
	Text string `json:"text"`
	// Hint is what fixes it, or what shows more.
	Hint string `json:"hint,omitempty"`
	// Evidence holds the last lines that the pod logged.
	Evidence []string `json:"evidence,omitempty"`

	grace   time.Duration // how long it may last before the roll-out fails
	crashed bool          // a container ended: its last log lines explain more
	unready bool          // it runs, but a probe fails: events explain more
}

// How long a cause may last before the roll-out fails.
const (
	// Kubernetes does not recover from it. The time is for its controllers to
	// replace a pod of the last roll-out that failed this way.
	graceNone = 2 * time.Second
	// It may depend on an object that is being created.
	graceShort = 5 * time.Second
	// The roles wait for what they need and do not exit without it, so a
	// second exit is the program's own fault. The first restart is immediate.
	graceCrash = 6 * time.Second
	// The scheduler waits for a volume or a node.
	graceLong = 10 * time.Second
	// A probe has to fail several times before Kubernetes acts on it.
	graceProbe = 90 * time.Second
)

// explain returns why pod is not ready; nil if it is ready, or is starting
// without a problem so far.
func explain(pod *corev1.Pod) *Cause {
	c := causeOf(pod)
	if c == nil {
		return nil
	}
	c.Pod, c.Role = pod.Name, pod.Labels[roleLabel]
	if c.Hint == "" {
		c.Hint = fmt.Sprintf("kubectl --namespace %s describe pod %s", pod.Namespace, pod.Name)
	}
	return c
}

func causeOf(pod *corev1.Pod) *Cause {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if c := containerCause(pod, s); c != nil {
				c.Container = s.Name
				return c
			}
		}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return &Cause{
			Reason: pod.Status.Reason, // such as Evicted
			Text:   joinWords("the pod failed", pod.Status.Reason, pod.Status.Message),
			grace:  graceShort,
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return unscheduled(condition)
		}
	}
	return nil
}

func unscheduled(condition corev1.PodCondition) *Cause {
	c := &Cause{Reason: condition.Reason, grace: graceLong}
	// "0/1 nodes are available: 1 Insufficient memory. no new claims to
	// deallocate, preemption: …": only the first sentence concerns the user.
	message, _, _ := strings.Cut(condition.Message, "preemption:")
	message = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(message), "no new claims to deallocate,"))
	c.Text = "no node takes it: " + strings.TrimRight(message, ". ")
	switch {
	case strings.Contains(message, "PersistentVolumeClaim"):
		c.Text = "its volume is not there: " + strings.TrimRight(message, ". ")
		c.Hint = "kubectl get storageclass (one must be the default)"
	case strings.Contains(message, "Insufficient"):
		c.Hint = "make room on the node, or give the cluster more"
	}
	return c
}

func containerCause(pod *corev1.Pod, s corev1.ContainerStatus) *Cause {
	if w := s.State.Waiting; w != nil {
		if c := waitingCause(pod, s, w); c != nil {
			return c
		}
	}
	if t := s.State.Terminated; t != nil && t.ExitCode != 0 {
		return endedCause(pod, s, t)
	}
	if s.State.Running == nil || s.Ready {
		return nil
	}
	if t := s.LastTerminationState.Terminated; t != nil && t.ExitCode != 0 {
		return endedCause(pod, s, t)
	}
	return &Cause{Reason: "Unready", Text: "it runs but is not ready", unready: true, grace: graceProbe}
}

func waitingCause(pod *corev1.Pod, s corev1.ContainerStatus, w *corev1.ContainerStateWaiting) *Cause {
	c := &Cause{Reason: w.Reason, grace: graceNone}
	switch w.Reason {
	case "ErrImageNeverPull":
		c.Text = fmt.Sprintf("image %s is not on node %s", s.Image, pod.Spec.NodeName)
		c.Hint = "hellox up loads it again"
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable":
		c.Text = joinWords("image "+s.Image+" cannot be pulled", w.Message)
		c.Hint = "hellox pulls nothing: an overlay changed image or imagePullPolicy; hellox up without --kustomize has neither"
		c.grace = graceShort
	case "InvalidImageName":
		c.Text = joinWords("image name "+s.Image+" is not valid", w.Message)
	case "ImageInspectError":
		c.Text = joinWords("the node cannot read image "+s.Image, w.Message)
	case "CreateContainerConfigError", "CreateContainerError":
		c.Text = joinWords("its container cannot be made", w.Message)
		c.grace = graceShort
	case "RunContainerError", "StartError":
		c.Text = startText(w.Message)
	case "CrashLoopBackOff":
		if t := s.LastTerminationState.Terminated; t != nil {
			return endedCause(pod, s, t)
		}
		c.Text, c.crashed = joinWords("it ends again and again", w.Message), true
	case "PodInitializing", "ContainerCreating", "":
		return nil
	default:
		c.Text = joinWords(w.Reason, w.Message)
		c.grace = graceShort
	}
	return c
}

// killedCode is the exit code of a program that SIGKILL ended.
const killedCode = 128 + 9

// endedCause explains a container that ended with an error.
func endedCause(pod *corev1.Pod, s corev1.ContainerStatus, t *corev1.ContainerStateTerminated) *Cause {
	c := &Cause{Reason: t.Reason, crashed: true, grace: graceCrash}
	role := pod.Labels[roleLabel]
	c.Hint = fmt.Sprintf("hellox logs %s --previous --namespace %s", role, pod.Namespace)
	switch {
	case t.Reason == "OOMKilled":
		c.Text = "it was killed for using more memory than its limit" + memoryLimit(pod, s.Name)
		c.Hint = "hellox manifests --eject DIR, raise limits.memory there, then hellox up --kustomize DIR"
		c.grace = graceNone
		c.crashed = false // the kernel gave it no time to log
	case t.ExitCode == killedCode && memoryLimit(pod, s.Name) != "":
		// The runtime does not always notice the kernel's out-of-memory kill
		// in time, and then reports only the exit code.
		c.Text = fmt.Sprintf("it was killed (exit code %d), as it is for using more memory than its limit%s", t.ExitCode, memoryLimit(pod, s.Name))
		c.Hint += "; or raise limits.memory in what hellox manifests --eject DIR writes"
	case t.Reason == "StartError" || t.Reason == "ContainerCannotRun":
		c.Text, c.grace, c.crashed = startText(t.Message), graceNone, false
	case t.Signal != 0:
		c.Text = fmt.Sprintf("it was ended by signal %d", t.Signal)
	default:
		c.Text = fmt.Sprintf("it ended with exit code %d", t.ExitCode)
	}
	if s.RestartCount > 1 {
		c.Text += fmt.Sprintf(", %d times so far", s.RestartCount)
	}
	return c
}

// startText explains why a program could not be started.
func startText(message string) string {
	switch {
	case strings.Contains(message, "exec format error"):
		return "the program is not for this node's kind of processor (exec format error)"
	case strings.Contains(message, "no such file or directory"):
		return joinWords("the program, or what it is linked to, is not in the image", lastPart(message))
	}
	return joinWords("its program cannot be started", message)
}

// memoryLimit returns ", 256Mi" for the container of that name.
func memoryLimit(pod *corev1.Pod, container string) string {
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok && c.Name == container {
			return ", " + limit.String()
		}
	}
	return ""
}

// lastPart returns what follows the last ": ", where runtimes put the cause.
// (containerd ends with the class of the error, mostly "unknown".)
func lastPart(message string) string {
	message = strings.TrimSuffix(message, ": unknown")
	return message[strings.LastIndex(message, ": ")+1:]
}

// joinWords joins the parts that are neither empty nor repeated with ": ", on one line.
func joinWords(parts ...string) string {
	var unique []string
	for _, p := range parts {
		p = strings.Join(strings.Fields(p), " ")
		if p != "" && !slices.Contains(unique, p) {
			unique = append(unique, p)
		}
	}
	return strings.Join(unique, ": ")
}
