package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// FollowEvery is how often the cluster is asked for its keys.
const FollowEvery = 20 * time.Second

// While the broker does not report the keys that are stored, its kubelet is asked so
// often to hand them on, and so many times at most: a broker of another version reports
// none. Once is not enough. To change its keys an API server is started anew, and a
// kubelet that lost it knows nothing new for up to a minute.
const (
	handOnEvery = 5 * time.Second
	handOnMost  = 24
)

// FollowKeys writes changed keys of the cluster into the installation, and has them reach
// the broker, until ctx ends. A cluster that does not answer is asked again.
func FollowKeys(ctx context.Context, p Pods) {
	pause, left := handOnEvery, handOnMost
	for kube.Pause(ctx, pause) == nil {
		changed, err := RefreshKeys(ctx, p, time.Now())
		if changed {
			left = handOnMost
		}
		if pause = FollowEvery; left == 0 {
			continue
		}
		left--
		if err == nil && handOnKeys(ctx, p) {
			left = 0
		} else {
			pause = handOnEvery
		}
	}
}

// handOnKeys reports whether each broker has the keys that are stored; it has the kubelet
// of one that has not hand them on.
func handOnKeys(ctx context.Context, p Pods) bool {
	ctx, cancel := context.WithTimeout(ctx, FollowEvery)
	defer cancel()
	_, live, err := p.Client.Get(ctx, ref("ConfigMap", p.Namespace, manifests.BrokerKeys))
	if err != nil || live == nil {
		return err == nil
	}
	all, err := p.list(ctx, mountsKeys)
	if err != nil {
		return false
	}
	hash := authority.Hash([]byte(dataOf(live, KeysFile)))
	lacking := slices.DeleteFunc(all, func(pod *corev1.Pod) bool { return p.reports(ctx, pod.Name, reportedKeys, hash) })
	if len(lacking) > 0 {
		_ = p.sync(ctx, lacking) // it is asked again
	}
	return len(lacking) == 0
}

func mountsKeys(kind, name string) bool { return kind == "ConfigMap" && name == manifests.BrokerKeys }

// RefreshKeys writes the keys of the cluster into the installation, if there are such
// and they are others, and reports whether they were. It takes no lock: it changes what
// is there and makes nothing, so that it is in no way of a down.
func RefreshKeys(ctx context.Context, p Pods, now time.Time) (changed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, FollowEvery)
	defer cancel()
	_, live, err := p.Client.Get(ctx, ref("ConfigMap", p.Namespace, manifests.BrokerKeys))
	if err != nil || live == nil {
		return false, err
	}
	before := dataOf(live, KeysFile)
	keys, err := readKeys(ctx, p.Client)
	if err != nil {
		return false, err
	}
	text, err := keys.file(p.Namespace, before, now)
	if err != nil || string(text) == before {
		return false, err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": live.GetResourceVersion()},
		"data":     map[string]string{KeysFile: string(text)},
	})
	if err != nil {
		return false, err
	}
	_, err = p.Client.All(kube.ConfigMaps).Namespace(p.Namespace).Patch(ctx, manifests.BrokerKeys, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "hellox-keys"})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return false, nil // removed, or written by another up
	}
	if err != nil {
		return false, fmt.Errorf("write the keys of the cluster's tokens: %w", err)
	}
	all, err := p.list(ctx, mountsKeys)
	if err != nil {
		return true, err
	}
	return true, p.sync(ctx, all)
}
