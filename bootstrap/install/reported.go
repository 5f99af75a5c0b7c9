package install

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
)

// What the API server has of a pod is what the pod's kubelet wrote last. After a
// stop of the cluster that is the state from before the stop: every workload is
// rolled out, every pod ready, every node Ready with a lease, and nothing runs.
// None of these objects tells when its node began, so comparing them with each
// other proves nothing, and a start that was not hellox's has no time to compare
// with. The kubelet itself is asked instead, in this order:
//
//  1. which pods run now (/runningpods, which asks the container runtime);
//  2. what it knows of its pods (/pods).
//
// A kubelet writes the state of a pod whose containers it found dead before it
// starts them again. So a pod that is in the first answer is one whose state the
// kubelet has determined since it began, and the second answer, which is younger,
// has that state and not the API server's. Both saying yes is the proof.

// askKubeletEvery is how often a kubelet is asked that has not reported yet.
const askKubeletEvery = 300 * time.Millisecond

// kubelets asks the kubelets of a cluster, through its API server.
type kubelets struct{ client *kube.Client }

// unreported describes what the kubelets have not confirmed of workloads that are
// rolled out by their status; "" if they confirm all of it.
func (k kubelets) unreported(ctx context.Context, workloads []workload, pods []*corev1.Pod) string {
	nodes := map[string][]*corev1.Pod{}
	for _, pod := range pods {
		if current(pod, workloads) {
			nodes[pod.Spec.NodeName] = append(nodes[pod.Spec.NodeName], pod)
		}
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	ready := map[string]int{} // by workload
	missing := map[string]string{}
	for node, pods := range nodes {
		running.Go(func() {
			confirmed, err := k.confirmed(ctx, node, pods)
			mu.Lock()
			defer mu.Unlock()
			for _, pod := range confirmed {
				for _, w := range workloads {
					if w.has(pod) {
						ready[w.name]++
					}
				}
			}
			switch {
			case err != nil:
				missing[node] = fmt.Sprintf("node %s has not reported its pods yet", node)
			case len(confirmed) < len(pods):
				missing[node] = fmt.Sprintf("%d of %s run on node %s again", len(confirmed), Count(len(pods), "pod"), node)
			}
		})
	}
	running.Wait()
	if len(missing) > 0 {
		return missing[slices.Min(slices.Collect(maps.Keys(missing)))]
	}
	for _, w := range workloads {
		if n := ready[w.name]; n < w.want {
			return fmt.Sprintf("%s %d/%d", w.name, n, w.want)
		}
	}
	return ""
}

// confirmed returns those of pods that the kubelet of node says are ready. A
// kubelet that refuses these questions (its debugging handlers are off, or the
// user may not ask nodes) leaves only the API server's word, which is taken.
func (k kubelets) confirmed(ctx context.Context, node string, pods []*corev1.Pod) ([]*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	running, known, err := k.ask(ctx, node)
	if refused(err) {
		// An API server that has just begun refuses everything until it has
		// read who may do what.
		if _, err := k.client.REST.Get().AbsPath("/readyz").DoRaw(ctx); err != nil {
			return nil, fmt.Errorf("the API server is starting: %w", err)
		}
		if running, known, err = k.ask(ctx, node); refused(err) {
			return pods, nil
		}
	}
	if err != nil {
		return nil, err
	}
	runs := map[types.UID]bool{}
	for _, pod := range running.Items {
		runs[pod.UID] = true
	}
	ready := map[types.UID]bool{}
	for i := range known.Items {
		ready[known.Items[i].UID] = kube.IsReady(&known.Items[i])
	}
	return slices.DeleteFunc(slices.Clone(pods), func(pod *corev1.Pod) bool {
		return !runs[pod.UID] || !ready[pod.UID]
	}), nil
}

// ask returns the pods that run on node, and then all that its kubelet knows.
func (k kubelets) ask(ctx context.Context, node string) (running, known corev1.PodList, err error) {
	path := "/api/v1/nodes/" + node + "/proxy/"
	if err = k.client.GetJSON(ctx, path+"runningpods/", &running); err == nil {
		err = k.client.GetJSON(ctx, path+"pods", &known)
	}
	return running, known, err
}

// refused reports whether a question was understood and not answered.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsMethodNotSupported(err)
}
