package cause

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// killedCode is the exit code of a program that SIGKILL ended.
const killedCode = 128 + 9

// ended explains a container that ended; nil if that was no fault of its own.
func (s Subject) ended(status corev1.ContainerStatus, t *corev1.ContainerStateTerminated) *Cause {
	if t.Reason == "Unknown" || t.Reason == "ContainerStatusUnknown" {
		return nil // it was ended by a stop of its node
	}
	c := &Cause{Reason: t.Reason, Crashed: true, Grace: graceProbe, Hint: s.logs(status.Name, status.State.Running != nil || status.RestartCount > 0)}
	probe, probed := s.probeKilled(status.Name)
	limit := s.memoryLimit(status.Name)
	switch {
	case t.Reason == "OOMKilled":
		c.Text = fmt.Sprintf("it was killed for using more memory than its limit%s (exit code %d)", limit, t.ExitCode)
		c.Hint = raiseLimit(status.Name)
		c.Grace, c.Crashed = graceNone, false // the kernel gave it no time to log
	case probed:
		c.Reason, c.Text = "Unhealthy", fmt.Sprintf("its %s probe ended it%s: %s", probe.kind, times(status.RestartCount), probe.answer)
		return c
	case t.ExitCode == 0:
		return nil
	case t.Reason == "StartError" || t.Reason == "ContainerCannotRun":
		s.notStarted(c, status.Name, t.Message)
	case t.ExitCode == killedCode && limit != "":
		// The runtime does not always notice the kernel's out-of-memory kill
		// in time, and then reports only the exit code.
		c.Text = fmt.Sprintf("it was killed (exit code %d), as it is for using more memory than its limit%s", t.ExitCode, limit)
		c.Hint += "; or raise resources.limits.memory in the overlay"
	case t.Signal != 0:
		c.Text = fmt.Sprintf("it was ended by signal %d", t.Signal)
	default:
		c.Text, c.exited = fmt.Sprintf("it ended with exit code %d", t.ExitCode), true
	}
	c.Text += soFar(status.RestartCount)
	return c
}

// crashLoop explains a container that Kubernetes starts again later each time. The
// first restart is immediate, so it has ended twice at least.
func (s Subject) crashLoop(status corev1.ContainerStatus, w *corev1.ContainerStateWaiting) *Cause {
	var c *Cause
	if t := status.LastTerminationState.Terminated; t != nil {
		c = s.ended(status, t)
		if c == nil && t.ExitCode == 0 && t.Reason != "Unknown" {
			c = &Cause{
				Text: "it ends again and again, with exit code 0" + soFar(status.RestartCount), Crashed: true, exited: true,
				Hint: s.logs(status.Name, true), Grace: graceProbe,
			}
		}
	} else {
		c = &Cause{Text: Join("it ends again and again", w.Message), Crashed: true, exited: true, Hint: s.logs(status.Name, true)}
	}
	if c == nil {
		return nil
	}
	c.Reason = w.Reason
	// The roles of hellox wait for what they need and do not end without it. Another
	// program may end until the broker is there: it gets one more attempt.
	if spec := s.spec(status.Name); spec == nil || s.Image == "" || spec.Image == s.Image || status.RestartCount > 2 {
		c.Grace = graceNone
	}
	return c
}

// programName finds the program in what runc says: `exec: "/nope": stat /nope: no
// such file or directory`.
var programName = regexp.MustCompile(`exec: "([^"]*)": (?:stat [^:]*: )?([^:]+)`)

// notStarted explains a program that could not be started.
func (s Subject) notStarted(c *Cause, container, message string) {
	c.Crashed, c.Grace = false, graceNone // it never ran
	image := ""
	if spec := s.spec(container); spec != nil {
		image = spec.Image
	}
	name, why := "", ""
	if m := programName.FindStringSubmatch(message); m != nil {
		name, why = fmt.Sprintf("%q ", m[1]), m[2]
	} else if rest, ok := strings.CutPrefix(message, "exec "); ok { // logged: `exec /hellox: no such file or directory`
		name, _, _ = strings.Cut(rest, ": ")
		name = fmt.Sprintf("%q ", name)
	}
	switch {
	case s.starved(container, message):
		limit := strings.TrimPrefix(s.memoryLimit(container), ", ")
		c.Text = fmt.Sprintf("its program could not be started: the memory limit of %s is probably too low", limit)
		c.Hint = raiseLimit(container)
		c.Evidence = []string{message}
	case strings.Contains(message, "exec format error"):
		c.Text = fmt.Sprintf("program %sis not for the processor of node %s (exec format error)", name, s.Pod.Spec.NodeName)
		c.Hint = s.Commands.Cluster("get node "+s.Pod.Spec.NodeName) + " -L kubernetes.io/arch; build the program for that"
	case strings.Contains(message, "no such file or directory"), strings.Contains(message, "executable file not found"):
		c.Text = fmt.Sprintf("program %sis not in image %s", name, image)
		if why == "" {
			c.Text = fmt.Sprintf("program %sor what it is linked to is not in image %s", name, image)
		}
		c.Hint = fmt.Sprintf("correct command: of container %s in the overlay, %s", container, again)
	case why != "":
		c.Text = Join(fmt.Sprintf("program %scannot be started", name), why)
		c.Hint = fmt.Sprintf("correct command: of container %s in the overlay, %s", container, again)
	default:
		c.Text = Join("its program cannot be started", lastPart(message))
		c.Evidence = []string{message}
	}
}

// leastMemory is what the runtime itself needs, with a margin, before the program runs.
var leastMemory = resource.MustParse("32Mi")

// starved reports whether the kernel ended the container's first process, which is the
// runtime's own, for want of memory. containerd then only finds it gone.
func (s Subject) starved(container, message string) bool {
	spec := s.spec(container)
	if spec == nil {
		return false
	}
	limit, limited := spec.Resources.Limits[corev1.ResourceMemory]
	if strings.Contains(message, "OOM-killed") || strings.Contains(message, "memory limit too low") {
		return limited
	}
	return limited && limit.Cmp(leastMemory) < 0 && strings.Contains(message, "cannot start a stopped process")
}

// Logged adds the last lines that the container logged before it ended; none if it
// logged nothing, which is then told.
func (c *Cause) Logged(lines []string) {
	// A program for another processor is started, and ends, within runc.
	for _, line := range lines {
		if strings.HasPrefix(line, "exec ") && (strings.Contains(line, "exec format error") || strings.Contains(line, "no such file")) {
			c.about.notStarted(c, c.Container, line)
			return
		}
	}
	if len(lines) == 0 {
		if c.exited {
			c.Text += ", and printed nothing"
			c.exited = false // it is told once
		}
		return
	}
	c.Evidence = lines
}

// Told is the line of the log that says most of why the container ended: a program of
// hellox writes its error, and then a hint. It is "" if nothing was logged.
func (c *Cause) Told() string {
	told := ""
	for _, line := range c.Evidence {
		switch {
		case strings.HasPrefix(line, "hint: "):
		case strings.HasPrefix(line, "hellox: "), !strings.HasPrefix(told, "hellox: "):
			told = line
		}
	}
	return told
}

// Restarted explains the restarts of a pod that is ready now: its probes ended it
// before, and may again. It is nil for any other pod.
func Restarted(s Subject) *Cause {
	for _, status := range s.Pod.Status.ContainerStatuses {
		p, ok := s.probeKilled(status.Name)
		if !ok || status.RestartCount == 0 {
			continue
		}
		return &Cause{
			Pod: s.Pod.Name, Role: s.Role, Container: status.Name, Reason: "Unhealthy", Crashed: true,
			Text: fmt.Sprintf("its %s probe ended it%s, and may again: %s", p.kind, times(status.RestartCount), p.answer),
			Hint: s.logs(status.Name, true),
		}
	}
	return nil
}

func soFar(n int32) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", %d times so far", n)
}

func times(n int32) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" %d times", n)
}

// memoryLimit returns ", 256Mi" for the container of that name.
func (s Subject) memoryLimit(container string) string {
	if spec := s.spec(container); spec != nil {
		if limit, ok := spec.Resources.Limits[corev1.ResourceMemory]; ok {
			return ", " + limit.String()
		}
	}
	return ""
}

// raiseLimit is the hint for a container that needs more memory than it may use.
func raiseLimit(container string) string {
	return fmt.Sprintf("raise resources.limits.memory of container %s in the overlay, %s", container, again)
}
