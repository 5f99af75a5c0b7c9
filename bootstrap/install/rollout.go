package install

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// warnAfter is how long a cause lasts before it is told: some are there for a moment
// in every roll-out, while one object waits for another.
const warnAfter = 500 * time.Millisecond

// Rollout waits until every workload of the installation, or of some roles alone, is up to
// date and ready, by the word of the kubelets that run its pods, and reports whether that
// was so at once. When the cause of an unready pod outlasts its grace period, or
// when ctx ends by its deadline, the error is a *step.Error that names it; one that
// may heal is told to steps as soon as the cluster knows it.
func (inst *Installation) Rollout(ctx context.Context, steps step.Reporter, only ...string) (roles []string, unchanged bool, err error) {
	o, end, err := observe(ctx, inst)
	if err != nil {
		return nil, false, rollout{observer: &observer{inst: inst}}.ended(ctx, view{})
	}
	defer end()
	o.only = only
	r := rollout{observer: o, steps: steps, since: map[string]time.Time{}, told: map[string]bool{}}
	return r.wait(ctx)
}

// A rollout waits for an installation.
type rollout struct {
	*observer
	steps step.Reporter
	since map[string]time.Time // when each cause was first seen
	told  map[string]bool      // the texts of causes that were told
}

// wait returns when every workload is rolled out, or cannot be any more.
func (r rollout) wait(ctx context.Context) (roles []string, unchanged bool, err error) {
	for first := true; ; first = false {
		now, err := r.look()
		if err != nil {
			return nil, false, err
		}
		waiting := waitingFor(now.workloads)
		if len(waiting) == 0 {
			missing := kubelets{r.inst.client}.unreported(ctx, now.workloads, now.pods)
			if missing == "" {
				r.tellRestarted(now)
				return namesOf(now.workloads), first, nil
			}
			r.steps.Progress(missing)
			if r.awaitChange(ctx, askKubeletEvery) != nil {
				return nil, false, r.unreported(ctx, missing)
			}
			continue
		}
		if first && r.retry(ctx, now) {
			continue
		}
		fatal, next := expired(now.causes, r.since, time.Now())
		soon, more := r.warn(ctx, now.causes, time.Now())
		if fatal = append(fatal, more...); len(fatal) > 0 {
			return nil, false, r.failed(ctx, fatal)
		}
		next = earlier(next, soon)
		r.steps.Progress(progressOf(waiting, now.causes))
		if r.awaitChange(ctx, next) != nil {
			return nil, false, r.ended(ctx, now)
		}
	}
}

// retriedAnnotation is when an up asked the controller of a workload to try again.
const retriedAnnotation = "hellox.local/retried"

// retry has the controllers try at once what they were refused before: after many
// refusals they wait for minutes, though the quota or the webhook may be mended by
// now. The change also tells the refusals from before from those that follow. It
// reports whether there was one.
func (r rollout) retry(ctx context.Context, now view) (retried bool) {
	for _, c := range now.causes {
		if c.Reason != cause.FailedCreate {
			continue
		}
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, retriedAnnotation, time.Now().UTC().Format(time.RFC3339Nano))
		for _, resource := range []schema.GroupVersionResource{kube.StatefulSets, kube.Deployments} {
			_, err := r.inst.in(resource).Patch(ctx, c.Pod, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager + "-retry"})
			retried = retried || err == nil // else it is the other kind, or waits as it did
		}
	}
	return retried
}

// warn tells each cause that has lasted for a while and is still borne, once. It
// returns how long it is until the next one has lasted that long, and what turned out
// to be beyond repair.
func (r rollout) warn(ctx context.Context, causes []*cause.Cause, now time.Time) (next time.Duration, fatal []*cause.Cause) {
	for _, c := range causes {
		// What ends the roll-out soon needs no warning before, and what waits
		// for a broken pod is no news.
		key := keyOf(c)
		if r.told[key] || c.Early || c.Grace <= 2*warnAfter || c.Unready && !causes[0].Unready {
			continue
		}
		if left := max(warnAfter, c.Quiet) - now.Sub(r.since[key]); left > 0 {
			next = earlier(next, left)
			continue
		}
		r.told[key] = true
		crashed := c.Crashed
		r.investigate(ctx, c)
		text := c.String()
		if told := c.Told(); c.Crashed && told != "" {
			text += ": " + told
		}
		if crashed && !c.Crashed { // by its log it never ran
			fatal = append(fatal, c)
			continue
		}
		r.steps.Warn(text)
	}
	return next, fatal
}

// tellRestarted tells of pods that are ready and were ended by a probe before: they
// will be again.
func (r rollout) tellRestarted(now view) {
	events := eventsOf(r.informers[kube.Events].All())
	for _, pod := range now.pods {
		if !current(pod, now.workloads) {
			continue
		}
		if c := cause.Restarted(r.lookup.complete(subjectOf(pod, events))); c != nil {
			r.steps.Warn(c.String())
		}
	}
}

// earlier returns the shorter of two times to wait, of which 0 is none.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// expired returns the causes that have lasted longer than their grace period,
// and how long it is until the next one will have. It updates since: a cause
// that is gone starts anew when it comes back.
func expired(causes []*cause.Cause, since map[string]time.Time, now time.Time) (fatal []*cause.Cause, next time.Duration) {
	current := map[string]bool{}
	for _, c := range causes {
		key := keyOf(c)
		current[key] = true
		if _, ok := since[key]; !ok {
			since[key] = now
		}
		left := c.Grace - now.Sub(since[key])
		if left <= 0 {
			fatal = append(fatal, c)
		} else {
			next = earlier(next, left)
		}
	}
	for key := range since {
		if !current[key] {
			delete(since, key)
		}
	}
	return fatal, next
}

// keyOf is the same for a cause in all its phases.
func keyOf(c *cause.Cause) string { return c.Pod + " " + c.Container + " " + c.Family() }
