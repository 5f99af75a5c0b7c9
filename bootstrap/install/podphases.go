package install

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// A PodPhase is how far a pod is.
type PodPhase struct {
	Name string
	// Phase is Kubernetes' own, or Terminating, as kubectl shows a pod that is being
	// deleted.
	Phase  string
	Reason string // why a container of it waits, or ended last; or the pod's own: OOMKilled, Evicted
	Share  bool   // it runs a share of many broadcasters, not one of its name
}

// FollowPods calls report with the pods of a role whenever they have changed, and at
// least every so often, until ctx ends. What changes within a short time is reported
// at once.
func FollowPods(ctx context.Context, config kube.Config, namespace, role string, every time.Duration, report func(context.Context, []PodPhase)) error {
	client, err := kube.New(config)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(kube.WithoutKlog(ctx))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	changed := make(chan struct{}, 1)
	pods := kube.NewInformer(changed)
	running.Go(func() { pods.Run(ctx, client.All(kube.Pods).Namespace(namespace), Selector(namespace, role)) })
	select {
	case <-pods.Synced:
	case <-ctx.Done():
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		report(ctx, phasesOf(pods))
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-changed:
			_ = kube.Pause(ctx, 200*time.Millisecond) // a roll-out changes a pod several times in a moment
		}
	}
	return nil
}

func phasesOf(informer *kube.Informer) []PodPhase {
	var phases []PodPhase
	for _, u := range informer.All() {
		pod, err := kube.PodOf(u)
		if err != nil {
			continue // a later state of it can be read again
		}
		phases = append(phases, phaseOf(pod))
	}
	slices.SortFunc(phases, func(a, b PodPhase) int { return cmp.Compare(a.Name, b.Name) })
	return phases
}

func phaseOf(pod *corev1.Pod) PodPhase {
	p := PodPhase{Name: pod.Name, Phase: cmp.Or(string(pod.Status.Phase), string(corev1.PodUnknown)), Reason: pod.Status.Reason, Share: manifests.RunsShare(pod.Spec.ServiceAccountName)}
	if pod.DeletionTimestamp != nil {
		p.Phase = "Terminating"
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		switch {
		case p.Reason != "":
		case c.State.Waiting != nil && c.State.Waiting.Reason != "ContainerCreating" && c.State.Waiting.Reason != "PodInitializing":
			p.Reason = c.State.Waiting.Reason
		case c.State.Terminated != nil && c.State.Terminated.ExitCode != 0:
			p.Reason = c.State.Terminated.Reason
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if last := c.LastTerminationState.Terminated; p.Reason == "" && last != nil {
			p.Reason = last.Reason
		}
	}
	return p
}
