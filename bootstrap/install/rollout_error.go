package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// progressOf describes what the roll-out waits for.
func progressOf(waiting []workload, causes []*Cause) string {
	parts := make([]string, len(waiting))
	for i, w := range waiting {
		parts[i] = fmt.Sprintf("%s %d/%d", w.name, w.ready, w.want)
		for _, c := range causes {
			if c.Role == w.role && !c.unready {
				parts[i] += " (" + c.Text + ")"
				break
			}
		}
	}
	return strings.Join(parts, ", ")
}

// ended is the error of a roll-out whose time is over, or that was
// interrupted.
func (w rolloutWatcher) ended(ctx context.Context, waiting []workload, causes []*Cause) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for the roll-out: %w", context.Cause(ctx))
	}
	if len(causes) > 0 {
		return w.failed(ctx, waiting, causes)
	}
	return &step.Error{
		Sentence: "the time was over before all was rolled out: " + progressOf(waiting, nil),
		Hint:     "hellox status shows the pods; hellox up --timeout 10m waits longer",
	}
}

// unreported is the error of a roll-out that ended before the kubelets confirmed
// what the cluster says of it.
func (w rolloutWatcher) unreported(ctx context.Context, missing string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("wait for the roll-out: %w", context.Cause(ctx))
	}
	return &step.Error{
		Sentence: "the time was over before the nodes reported: " + missing,
		Hint:     "kubectl get nodes; hellox up --timeout 10m waits longer",
	}
}

// failed is the error of a roll-out that will not succeed: one sentence
// that names every cause, and the last lines that the first one logged.
func (w rolloutWatcher) failed(ctx context.Context, waiting []workload, causes []*Cause) error {
	// These requests must not fail because the deadline has passed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	sentences := make([]string, len(causes))
	for i, c := range causes {
		w.investigate(ctx, c)
		sentences[i] = c.Pod + ": " + c.Text
	}
	return &step.Error{
		Sentence: fmt.Sprintf("roll out %s: %s", strings.Join(namesOf(waiting), ", "), strings.Join(sentences, "; ")),
		Hint:     causes[0].Hint,
		Evidence: causes[0].Evidence,
	}
}

// investigate adds to a cause what only its logs or events hold.
func (w rolloutWatcher) investigate(ctx context.Context, c *Cause) {
	switch {
	case c.crashed:
		lines, err := w.lastLines(ctx, c.Pod, c.Container)
		if err != nil {
			return // the cause is reported without them
		}
		c.Evidence = lines
		// A program for another processor is started, and ends, within runc.
		for _, line := range lines {
			if strings.HasPrefix(line, "exec ") && (strings.Contains(line, "exec format error") || strings.Contains(line, "no such file")) {
				c.Text = startText(line)
			}
		}
	case c.unready:
		if message := w.lastEvent(ctx, c.Pod, "Unhealthy"); message != "" {
			c.Text = joinWords(c.Text, message)
		}
	}
}

// lastLines returns the last lines that a container logged before it ended.
func (w rolloutWatcher) lastLines(ctx context.Context, pod, container string) ([]string, error) {
	for _, previous := range []bool{true, false} {
		text, err := podLog(w.inst, pod, container, LogOptions{Previous: previous, Tail: 3}).DoRaw(ctx)
		if err != nil {
			continue // there is no previous container before the first restart
		}
		if lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' }); len(lines) > 0 {
			return lines, nil
		}
	}
	return nil, errors.New("it logged nothing")
}

// lastEvent returns the message of the newest event of that reason, or "".
func (w rolloutWatcher) lastEvent(ctx context.Context, pod, reason string) string {
	list, err := w.inst.in(kube.Events).List(ctx, metav1.ListOptions{
		FieldSelector: fmt.Sprintf("involvedObject.name=%s,reason=%s", pod, reason),
	})
	if err != nil || len(list.Items) == 0 {
		return ""
	}
	newest := slices.MaxFunc(list.Items, func(a, b unstructured.Unstructured) int {
		at := func(u unstructured.Unstructured) string {
			t, _, _ := unstructured.NestedString(u.Object, "lastTimestamp")
			return t
		}
		return cmp.Compare(at(a), at(b))
	})
	message, _, _ := unstructured.NestedString(newest.Object, "message")
	return message
}
