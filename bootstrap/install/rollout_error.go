package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/step"
)

// progressOf describes what the roll-out waits for.
func progressOf(waiting []workload, causes []*cause.Cause) string {
	parts := make([]string, len(waiting))
	for i, w := range waiting {
		parts[i] = fmt.Sprintf("%s %d/%d", w.name, w.ready, w.want)
		for _, c := range causes {
			// A workload of the user's own has no role.
			if c.Role == w.role && (w.role != "" || strings.HasPrefix(c.Pod, w.name+"-")) && !c.Early {
				parts[i] += " (" + c.Text + ")"
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}

// ended is the error of a roll-out whose time is over, or that was
// interrupted.
func (r rollout) ended(ctx context.Context, now view) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for the roll-out: %w", context.Cause(ctx))
	}
	if len(now.causes) > 0 {
		return r.failed(ctx, now.causes)
	}
	waiting := "nothing was known of its pods"
	if len(now.workloads) > 0 {
		waiting = progressOf(waitingFor(now.workloads), nil)
	}
	return &step.Error{
		Sentence: "the time was over before all was rolled out: " + waiting,
		Hint:     r.inst.commands.Hellox("status") + " shows the pods; the same hellox up with --timeout 10m waits longer",
	}
}

// unreported is the error of a roll-out that ended before the kubelets confirmed
// what the cluster says of it.
func (r rollout) unreported(ctx context.Context, missing string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for the roll-out: %w", context.Cause(ctx))
	}
	return &step.Error{
		Sentence: "the time was over before the nodes reported: " + missing,
		Hint:     r.inst.commands.Cluster("get nodes") + "; the same hellox up with --timeout 10m waits longer",
	}
}

// failed is the error of a roll-out that will not succeed: a sentence with the first
// cause, with its evidence, and a line for each of the others.
func (r rollout) failed(ctx context.Context, causes []*cause.Cause) error {
	// These requests must not fail because the deadline has passed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if !causes[0].Unready { // what only waits for it explains nothing
		for i, c := range causes {
			if c.Unready {
				causes = causes[:i]
				break
			}
		}
	}
	for _, c := range causes {
		r.investigate(ctx, c)
	}
	lines := alike(causes)
	evidence := causes[0].Evidence
	for _, line := range lines[1:] {
		evidence = append(evidence, "also "+line)
	}
	return &step.Error{Sentence: "roll out " + lines[0], Hint: causes[0].Hint, Evidence: evidence}
}

// investigate adds to a cause what only its logs hold, or itself answers.
func (r rollout) investigate(ctx context.Context, c *cause.Cause) {
	if c.Asked != "" {
		c.Answered(r.answer(ctx, c.Pod, c.Asked))
	}
	if !c.Crashed {
		return
	}
	if lines, known := r.lastLines(ctx, c.Pod, c.Container); known { // else it is reported without them
		c.Logged(lines)
	}
}

// answer returns what a pod answers to what its probe asks, such as 9000/readyz, with any
// status; nil if it cannot be asked: where nodes keep to network policies, the API server
// reaches a pod of its own node alone.
func (r rollout) answer(ctx context.Context, pod, asked string) []byte {
	port, path, _ := strings.Cut(asked, "/")
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	body, _ := r.inst.client.REST.Get().AbsPath("/api/v1/namespaces", r.inst.Namespace, "pods", pod+":"+port, "proxy", path).MaxRetries(0).DoRaw(ctx)
	return body
}

// lastLines returns the last lines that a container logged before it ended. They are
// not known if no kubelet answers, or if it has removed the log.
func (r rollout) lastLines(ctx context.Context, pod, container string) (lines []string, known bool) {
	for _, previous := range []bool{true, false} {
		text, err := podLog(r.inst, pod, container, LogOptions{Previous: previous, Tail: 3}).DoRaw(ctx)
		if err != nil {
			continue // there is no previous container before the first restart
		}
		removed := false
		for line := range strings.FieldsFuncSeq(string(text), func(r rune) bool { return r == '\n' || r == '\r' }) {
			// A kubelet answers so, with status 200, for a container that is gone.
			if strings.HasPrefix(line, "unable to retrieve container logs for ") {
				removed = true
				continue
			}
			lines = append(lines, line)
		}
		if len(lines) > 0 {
			return lines, true
		}
		known = known || !removed
	}
	return nil, known
}
