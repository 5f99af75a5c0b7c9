package trust

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// FollowEvery is how often the cluster is asked for its keys.
const FollowEvery = 20 * time.Second

// FollowKeys writes changed keys of the cluster into the installation, until ctx ends.
// A cluster that does not answer is asked again.
func FollowKeys(ctx context.Context, p Pods) {
	for kube.Pause(ctx, FollowEvery) == nil {
		_, _ = RefreshKeys(ctx, p, time.Now())
	}
}

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
	return true, p.Sync(ctx)
}
