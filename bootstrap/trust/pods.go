package trust

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/portforward"
	"hellox/manifests"
)

const (
	portTLS = 8883 // of the broker's pod
	portOps = 9000 // of every role's

	askTimeout = 5 * time.Second // for one question to one pod
	atOnce     = 8               // pods that are asked
)

// Pods implements what a Renewal needs of the pods of an installation; Applying does
// what is left.
type Pods struct {
	Client    *kube.Client
	Namespace string
	Selector  string // of the installation's pods
	Applying  func(ctx context.Context, u *unstructured.Unstructured) error
}

// Apply implements Installation, as do the next three.
func (p Pods) Apply(ctx context.Context, u *unstructured.Unstructured) error {
	return p.Applying(ctx, u)
}

// syncedAnnotation is when an up asked a pod's kubelet to hand on what it mounts.
const syncedAnnotation = "hellox.local/synced"

// Sync changes an annotation of each pod that mounts something of this package's: a
// kubelet works on a changed pod at once, its volumes included.
func (p Pods) Sync(ctx context.Context) error {
	all, err := p.list(ctx, func(kind, name string) bool {
		return kind == "Secret" && (name == manifests.BrokerTLS || name == manifests.BrokerPeers) || kind == "ConfigMap" && (name == manifests.BrokerCA || name == manifests.BrokerKeys)
	})
	if err != nil {
		return err
	}
	return p.sync(ctx, all)
}

func (p Pods) sync(ctx context.Context, all []*corev1.Pod) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, syncedAnnotation, time.Now().UTC().Format(time.RFC3339Nano))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, pod := range all {
		g.Go(func() error {
			// One that is gone meanwhile, or may not be changed, is waited for.
			_, _ = p.Client.All(kube.Pods).Namespace(p.Namespace).Patch(ctx, pod.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "hellox-sync"})
			return nil
		})
	}
	return g.Wait()
}

// The metrics by which a client reports the bundle it has loaded, and the broker the keys.
var (
	reportedBundle = reported("hellox_ca_bundle_info")
	reportedKeys   = reported("hellox_pod_keys_info")
)

func reported(metric string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^` + metric + `\{[^}\n]*\bsha256="([0-9a-f]+)"[^}\n]*\} 1\b`)
}

// Lacking asks the metrics of each pod.
func (p Pods) Lacking(ctx context.Context, hash string) ([]string, error) {
	all, err := p.list(ctx, func(kind, name string) bool { return kind == "ConfigMap" && name == manifests.BrokerCA })
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var lacking []string
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, pod := range all {
		role := pod.Labels["app.kubernetes.io/component"]
		if pod.Labels["app.kubernetes.io/name"] != "hellox" || role != "broadcast" && role != "receive" {
			continue // one of the user's own, which reports nothing
		}
		g.Go(func() error {
			if p.reports(ctx, pod.Name, reportedBundle, hash) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			lacking = append(lacking, pod.Name)
			return nil
		})
	}
	err = g.Wait()
	slices.Sort(lacking)
	return lacking, err
}

// reports reports whether a pod says by a metric that it has loaded the file of that hash.
func (p Pods) reports(ctx context.Context, pod string, metric *regexp.Regexp, hash string) bool {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return portforward.Dial(ctx, p.Client, p.Namespace, pod, portOps)
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://pod/metrics", nil)
	if err != nil {
		return false
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	found := metric.FindSubmatch(text)
	return err == nil && found != nil && string(found[1]) == hash
}

// Shown dials each pod of the broker as a client of it would. What it shows is compared, not
// trusted.
func (p Pods) Shown(ctx context.Context) ([]byte, error) {
	all, err := p.list(ctx, func(kind, name string) bool { return kind == "Secret" && name == manifests.BrokerTLS })
	if err != nil {
		return nil, err
	}
	var shown []byte
	for _, pod := range all {
		if !kube.IsReady(pod) {
			continue
		}
		one, err := p.shownBy(ctx, pod.Name)
		if err != nil || shown != nil && !bytes.Equal(one, shown) {
			return nil, cmp.Or(err, errMixed)
		}
		shown = one
	}
	if shown == nil {
		return nil, errors.New("no pod of the broker is ready")
	}
	return shown, nil
}

var errMixed = errors.New("the pods of the broker show different ones")

func (p Pods) shownBy(ctx context.Context, pod string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := portforward.Dial(ctx, p.Client, p.Namespace, pod, portTLS)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	c := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}) //nolint:gosec // nothing is sent
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("speak TLS with the broker: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.ConnectionState().PeerCertificates[0].Raw}), nil
}

// list returns the pods that mount one of what is meant and are not being deleted.
func (p Pods) list(ctx context.Context, mounts func(kind, name string) bool) ([]*corev1.Pod, error) {
	list, err := p.Client.All(kube.Pods).Namespace(p.Namespace).List(ctx, metav1.ListOptions{LabelSelector: p.Selector})
	if err != nil {
		return nil, fmt.Errorf("list the pods in namespace %s: %w", p.Namespace, err)
	}
	var all []*corev1.Pod
	for i := range list.Items {
		meant := false
		manifests.EachMounted(list.Items[i].Object, func(kind, name string) { meant = meant || mounts(kind, name) })
		pod, err := kube.PodOf(&list.Items[i])
		if err != nil {
			return nil, err
		}
		if meant && pod.DeletionTimestamp == nil {
			all = append(all, pod)
		}
	}
	return all, nil
}
