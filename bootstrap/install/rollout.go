package install

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"hellox/bootstrap/kube"
)

// Rollout waits until every workload of the installation is up to date and
// ready, by the word of the kubelets that run its pods, and reports whether that
// was so at once. When the cause of an unready
// pod outlasts its grace period, or when ctx ends by its deadline, the error is
// a *step.Error that names each cause.
func (inst *Installation) Rollout(ctx context.Context, progress func(string)) (roles []string, unchanged bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	w := rolloutWatcher{inst}
	changed := make(chan struct{}, 1)
	informers := make([]*kube.Informer, 0, 3)
	for _, resource := range []schema.GroupVersionResource{kube.StatefulSets, kube.Deployments, kube.Pods} {
		m := kube.NewInformer(changed)
		informers = append(informers, m)
		running.Go(func() { m.Run(ctx, inst.in(resource), inst.Selector()) })
	}
	for _, m := range informers {
		select {
		case <-m.Synced:
		case <-ctx.Done():
			return nil, false, w.ended(ctx, nil, nil)
		}
	}
	return w.wait(ctx, informers, changed, progress)
}

// A rolloutWatcher waits for the roll-out of an installation.
type rolloutWatcher struct{ inst *Installation }

// wait returns when every workload is rolled out, or cannot be any more.
func (w rolloutWatcher) wait(ctx context.Context, informers []*kube.Informer, changed <-chan struct{}, progress func(string)) (roles []string, unchanged bool, err error) {
	since := map[string]time.Time{} // when each cause was first seen
	for first := true; ; first = false {
		workloads, err := workloadsOf(append(informers[0].All(), informers[1].All()...))
		if err != nil {
			return nil, false, err
		}
		pods, err := podsOf(informers[2].All())
		if err != nil {
			return nil, false, err
		}
		waiting := waitingFor(workloads)
		if len(waiting) == 0 {
			missing := kubelets{w.inst.client}.unreported(ctx, workloads, pods)
			if missing == "" {
				return namesOf(workloads), first, nil
			}
			progress(missing)
			if awaitChange(ctx, changed, askKubeletEvery) != nil {
				return nil, false, w.unreported(ctx, missing)
			}
			continue
		}
		causes := causesOf(workloads, pods, w.inst.Namespace)
		fatal, next := expired(causes, since, time.Now())
		if len(fatal) > 0 {
			return nil, false, w.failed(ctx, waiting, fatal)
		}
		progress(progressOf(waiting, causes))
		if err := awaitChange(ctx, changed, next); err != nil {
			return nil, false, w.ended(ctx, waiting, causes)
		}
	}
}

// awaitChange waits for a change, or for next to pass if it is not zero.
func awaitChange(ctx context.Context, changed <-chan struct{}, next time.Duration) error {
	var timer <-chan time.Time
	if next > 0 {
		t := time.NewTimer(next)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer:
	}
	return nil
}
