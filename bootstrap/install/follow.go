package install

import (
	"context"
	"time"

	"hellox/bootstrap/kube"
)

// A PodTeller shows a person what becomes of the pods of an installation.
type PodTeller interface {
	// Failing tells that a pod is not ready, and why.
	Failing(pod, why string)
	// Well tells that it is ready again, or gone.
	Well(pod string, after time.Duration)
}

// Follow tells of each pod of the installation that fails, and when it is well again,
// until ctx ends.
func Follow(ctx context.Context, config kube.Config, namespace string, to PodTeller) error {
	inst, err := New(config, namespace)
	if err != nil {
		return err
	}
	ctx = kube.WithoutKlog(ctx)
	o, end, err := observe(ctx, inst)
	if err != nil {
		return nil // ctx ended
	}
	defer end()
	f := follower{to: to, since: map[string]time.Time{}, told: map[string]telling{}}
	for {
		now, err := o.look()
		if err != nil {
			return err
		}
		if o.awaitChange(ctx, f.tell(now, time.Now())) != nil {
			return nil
		}
	}
}

// A follower tells each change once.
type follower struct {
	to    PodTeller
	since map[string]time.Time // when each cause was first seen
	told  map[string]telling   // by pod
}

type telling struct {
	key string
	at  time.Time // when the first cause began
}

// tell tells what has changed, and returns how long it is until the next cause has
// lasted long enough to be told.
func (f follower) tell(now view, at time.Time) (next time.Duration) {
	expired(now.causes, f.since, at)
	failing := map[string]bool{}
	for _, c := range now.causes {
		failing[c.Pod] = true
		key := keyOf(c)
		if c.Early || f.told[c.Pod].key == key {
			continue
		}
		if left := max(warnAfter, c.Quiet) - at.Sub(f.since[key]); left > 0 {
			next = earlier(next, left)
			continue
		}
		began := f.since[key]
		if before, ok := f.told[c.Pod]; ok {
			began = before.at
		}
		f.told[c.Pod] = telling{key, began}
		f.to.Failing(c.Pod, c.Text)
	}
	for pod, t := range f.told {
		if !failing[pod] && !starting(pod, now) {
			delete(f.told, pod)
			f.to.Well(pod, at.Sub(t.at))
		}
	}
	return next
}

// starting reports whether a pod is there and neither ready nor known to fail.
func starting(name string, now view) bool {
	for _, pod := range now.pods {
		if pod.Name == name {
			return pod.DeletionTimestamp == nil && !kube.IsReady(pod)
		}
	}
	return false
}
