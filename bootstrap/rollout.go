package bootstrap

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// rollout waits until every workload of the installation is up to date and
// ready, and tells whether it was so at once. When a pod stands for longer than
// its cause lets hope, or when ctx ends by its deadline, the error is an *Error
// that names each cause.
func (s *site) rollout(ctx context.Context, progress func(string)) (roles []string, unchanged bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()

	changed := make(chan struct{}, 1)
	mirrors := make([]*mirror, 0, 3)
	for _, resource := range []schema.GroupVersionResource{statefulSets, deployments, pods} {
		m := newMirror(changed)
		mirrors = append(mirrors, m)
		running.Go(func() { m.run(ctx, s.in(resource), s.marked()) })
	}
	for _, m := range mirrors {
		select {
		case <-m.synced:
		case <-ctx.Done():
			return nil, false, s.rolloutEnded(ctx, nil, nil)
		}
	}
	return s.watchRollout(ctx, mirrors, changed, progress)
}

func (s *site) watchRollout(ctx context.Context, mirrors []*mirror, changed <-chan struct{}, progress func(string)) (roles []string, unchanged bool, err error) {
	since := map[string]time.Time{} // when each standing cause was first seen
	for first := true; ; first = false {
		workloads, err := workloadsOf(append(mirrors[0].all(), mirrors[1].all()...))
		if err != nil {
			return nil, false, err
		}
		waiting := waitingFor(workloads)
		if len(waiting) == 0 {
			for _, w := range workloads {
				roles = append(roles, w.name)
			}
			return roles, first, nil
		}
		causes, err := causesOf(workloads, mirrors[2].all(), s.namespace)
		if err != nil {
			return nil, false, err
		}
		given, next := overdue(causes, since, time.Now())
		if len(given) > 0 {
			return nil, false, s.rolloutFailed(ctx, waiting, given)
		}
		progress(progressOf(waiting, causes))
		if err := awaitChange(ctx, changed, next); err != nil {
			return nil, false, s.rolloutEnded(ctx, waiting, causes)
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
