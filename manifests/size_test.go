package manifests

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// decode decodes an object as strictly as the API server does.
func decode[T any](t *testing.T, objects []*unstructured.Unstructured, kind, name string) (object T) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(find(t, objects, kind, name), &object, true); err != nil {
		t.Fatalf("%s %s: %v", kind, name, err)
	}
	return object
}

// reachableOfThree is what may be reached beside reachable where the broker is of three
// nodes.
var reachableOfThree = []string{
	"broker -> broker TCP 6222",
	"broker -> dns TCP 53",
	"broker -> dns UDP 53",
	"receive -> broker TCP 4222",
}

// TestThreeNodes renders the broker of three nodes: each in its place, with volumes of its
// own, one of them away at a time, and receivers that have none.
func TestThreeNodes(t *testing.T) {
	objects := render(t, Options{Namespace: here, Image: ImageName + ":1", ClusterSize: SeveralNodes})
	if n := ClusterSize(objects); n != SeveralNodes {
		t.Errorf("it is of %d nodes", n)
	}
	broker := decode[appsv1.StatefulSet](t, objects, "StatefulSet", "broker").Spec
	pod := broker.Template.Spec
	switch {
	case *broker.Replicas != 3 || broker.MinReadySeconds == 0 || broker.ServiceName != "broker-pods":
		t.Errorf("%d replicas, next after %d s, in Service %s", *broker.Replicas, broker.MinReadySeconds, broker.ServiceName)
	case len(pod.TopologySpreadConstraints) != 1 || pod.TopologySpreadConstraints[0].TopologyKey != "kubernetes.io/hostname":
		t.Errorf("spread by %v", pod.TopologySpreadConstraints)
	case *pod.TerminationGracePeriodSeconds < 10:
		t.Errorf("%d s to end, and its clients are moved for 5 s", *pod.TerminationGracePeriodSeconds)
	case len(broker.VolumeClaimTemplates) != 1 || ClaimSize(broker.VolumeClaimTemplates[0].Name+"-broker-0") != SeveralNodes:
		t.Errorf("volume claims %v", broker.VolumeClaimTemplates)
	}
	args := pod.Containers[0].Args
	for _, name := range PeerNames() {
		if want := "--peer=" + name + ".$(POD_NAMESPACE).svc:6222"; !slices.Contains(args, want) {
			t.Errorf("the broker lacks %s: %v", want, args)
		}
	}
	for _, role := range []string{roleBroker, roleReceive} {
		budget := decode[policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget", role)
		if budget.Spec.MaxUnavailable == nil || budget.Spec.MaxUnavailable.IntValue() != 1 {
			t.Errorf("of %s %v may be away", role, budget.Spec.MaxUnavailable)
		}
	}
	receive := decode[appsv1.Deployment](t, objects, "Deployment", "receive").Spec
	if *receive.Replicas != 2 || receive.Strategy.Type != appsv1.RollingUpdateDeploymentStrategyType {
		t.Errorf("%d receivers, replaced by %s", *receive.Replicas, receive.Strategy.Type)
	}
	history := ""
	for _, a := range receive.Template.Spec.Containers[0].Args {
		history += a + "\n"
	}
	for _, name := range PeerNames() {
		if !strings.Contains(history, name+".$(POD_NAMESPACE).svc:4222") {
			t.Errorf("the receiver does not know %s:\n%s", name, history)
		}
	}
	want := []string{"broadcast ConfigMap broker-ca", "broker ConfigMap broker-keys", "broker Secret broker-peers", "broker Secret broker-tls", "receive ConfigMap broker-ca", "receive Secret broker-peers"}
	if got := mountedBy(objects); !slices.Equal(got, want) {
		t.Errorf("it mounts %v, want %v", got, want)
	}
	if slices.Contains(names(objects), "PersistentVolumeClaim history") {
		t.Error("there is a volume for a history that is in the streams")
	}
	four := 4
	scaled := decode[appsv1.Deployment](t, render(t, Options{Namespace: here, ClusterSize: SeveralNodes, Receivers: &four}), "Deployment", "receive")
	if int(*scaled.Spec.Replicas) != four {
		t.Errorf("%d receivers, want %d", *scaled.Spec.Replicas, four)
	}
}

// TestThreeNodesNetwork has only the nodes reach the routes, and only receivers and no
// client the streams; each policy is needed for that.
func TestThreeNodesNetwork(t *testing.T) {
	objects := render(t, Options{Namespace: here, ClusterSize: SeveralNodes})
	want := slices.Sorted(slices.Values(slices.Concat(reachable, reachableOfThree)))
	sorted := func(objects []*unstructured.Unstructured) []string {
		return slices.Sorted(slices.Values(matrix(t, objects)))
	}
	if got := sorted(objects); !slices.Equal(got, want) {
		t.Errorf("reachable:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, u := range objects {
		if u.GetName() == "deny" {
			continue // all pods are isolated without it, too; it is for those to come
		}
		if u.GetKind() == "NetworkPolicy" && slices.Equal(sorted(slices.Delete(slices.Clone(objects), i, i+1)), want) {
			t.Errorf("without NetworkPolicy %s the same is reachable", u.GetName())
		}
	}
}

// TestThreeNodesBesideComponents has the other components do the same beside it, in
// either order.
func TestThreeNodesBesideComponents(t *testing.T) {
	for _, name := range []string{"page-tls", "cert-manager", "mqtt-nodeport", "client"} {
		first := render(t, Options{Namespace: here, Overlay: overlayWith(t, "three-nodes", name)})
		last := render(t, Options{Namespace: here, Overlay: overlayWith(t, name, "three-nodes")})
		if ClusterSize(first) != SeveralNodes || ClusterSize(last) != SeveralNodes {
			t.Errorf("%s: of %d and %d nodes", name, ClusterSize(first), ClusterSize(last))
		}
		if got, want := mountedBy(last), mountedBy(first); !slices.Equal(got, want) {
			t.Errorf("%s: last it mounts %v, first %v", name, got, want)
		}
		args := func(objects []*unstructured.Unstructured) []string {
			return slices.Sorted(strings.Lines(argsOf(objects)))
		}
		if diff := cmp.Diff(args(first), args(last)); diff != "" {
			t.Errorf("%s: the order changes what it does:\n%s", name, diff)
		}
	}
	args := argsOf(render(t, Options{Namespace: here, Overlay: overlayWith(t, "page-tls", "three-nodes")}))
	for _, want := range []string{"--listen=0.0.0.0:8443", "--history-ca=/peers/ca.crt"} {
		if !strings.Contains(args, want+"\n") {
			t.Errorf("page-tls beside three-nodes lacks %s", want)
		}
	}
}

func TestEjectedOfThree(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := Eject(dir, SeveralNodes); err != nil {
		t.Fatal(err)
	}
	want := render(t, Options{Namespace: here, ClusterSize: SeveralNodes})
	for _, size := range []int{0, SeveralNodes} {
		if diff := cmp.Diff(want, render(t, Options{Namespace: here, ClusterSize: size, PresentSize: OneNode, Overlay: dir})); diff != "" {
			t.Errorf("ejected differs:\n%s", diff)
		}
	}
}

// TestSizeOfAnOverlay asks for a size that a folder does not have, or cannot.
func TestSizeOfAnOverlay(t *testing.T) {
	own := folderOf(t, map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": press})
	known := folderOf(t, map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": press + "      volumes: [{name: ca, configMap: {name: broker-ca}}]\n"})
	for name, c := range map[string]struct {
		o    Options
		want string // of the error; "": none
		size int
	}{
		"base, present":             {Options{PresentSize: SeveralNodes}, "", SeveralNodes},
		"base, other than present":  {Options{PresentSize: SeveralNodes, ClusterSize: OneNode}, "", OneNode},
		"overlay of one":            {Options{ClusterSize: SeveralNodes, Overlay: overlayWith(t, "storage-class")}, "is one process, not 3 nodes", 0},
		"overlay of three":          {Options{ClusterSize: OneNode, Overlay: overlayWith(t, "three-nodes")}, "has 3 nodes, not one", 0},
		"three without TLS":         {Options{Overlay: overlayWith(t, "three-nodes", "plain")}, "of which there can be one, and has 3 replicas", 0},
		"own, plain":                {Options{ClusterSize: SeveralNodes, Overlay: own}, "lets in none without TLS", 0},
		"own, plain, one":           {Options{Overlay: own}, "", OneNode},
		"own, with the certificate": {Options{ClusterSize: SeveralNodes, Overlay: known}, "", SeveralNodes},
	} {
		c.o.Namespace = here
		objects, err := Render(c.o)
		switch {
		case err == nil && c.want == "" && ClusterSize(objects) == c.size:
		case err != nil && c.want != "" && strings.Contains(err.Error(), c.want):
		default:
			t.Errorf("%s: %v, of %d nodes; want %q, %d", name, err, ClusterSize(objects), c.want, c.size)
		}
	}
}

// TestClaimSize knows the claims of each size, as the manifests have them.
func TestClaimSize(t *testing.T) {
	for _, size := range []int{OneNode, SeveralNodes} {
		objects := render(t, Options{Namespace: here, ClusterSize: size})
		claims := map[string]bool{}
		for _, u := range objects {
			if u.GetKind() == "PersistentVolumeClaim" {
				claims[u.GetName()] = true
			}
			templates, _, _ := unstructured.NestedSlice(u.Object, "spec", "volumeClaimTemplates")
			for _, c := range templates {
				name, _, _ := unstructured.NestedString(c.(map[string]any), "metadata", "name")
				claims[name+"-"+u.GetName()+"-0"] = true
			}
		}
		if len(claims) == 0 {
			t.Errorf("size %d has no claims", size)
		}
		for name := range maps.Keys(claims) {
			if got := ClaimSize(name); got != size {
				t.Errorf("%s is of size %d, want %d", name, got, size)
			}
		}
	}
	if ClaimSize("mine") != 0 {
		t.Error("another's claim has a size")
	}
}
