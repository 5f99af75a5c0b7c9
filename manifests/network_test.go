package manifests

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// An endpoint is one end of a connection: a pod, or what is outside the cluster.
type endpoint struct {
	outside   bool
	namespace string
	labels    labels.Set
}

const here = "press"

// endpointsOf returns the pods that are rendered, and those that are not of hellox, by
// the names that the tables below have for them.
func endpointsOf(t *testing.T, objects []*unstructured.Unstructured) map[string]endpoint {
	t.Helper()
	all := map[string]endpoint{
		"client":       {namespace: here, labels: labels.Set{"hellox.local/client": "true"}},
		"monitoring":   {namespace: here, labels: labels.Set{"hellox.local/monitoring": "true"}},
		"other":        {namespace: here, labels: labels.Set{"app": "other"}},
		"own":          {namespace: here, labels: labels.Set{"app": "own", "hellox.local/installation": here}},
		"far-client":   {namespace: "far", labels: labels.Set{"hellox.local/client": "true"}},
		"far-receive":  {namespace: "far", labels: labels.Set{"app.kubernetes.io/name": "hellox", "app.kubernetes.io/component": "receive"}},
		"far-monitors": {namespace: "far", labels: labels.Set{"hellox.local/monitoring": "true"}},
		"dns":          {namespace: "kube-system", labels: labels.Set{"k8s-app": "kube-dns"}},
		"outside":      {outside: true},
	}
	for _, u := range objects {
		if u.GetKind() != "StatefulSet" && u.GetKind() != "Deployment" && u.GetKind() != "Job" {
			continue
		}
		set, _, err := unstructured.NestedStringMap(u.Object, "spec", "template", "metadata", "labels")
		if err != nil {
			t.Fatal(err)
		}
		all[u.GetName()] = endpoint{namespace: here, labels: set}
	}
	return all
}

// A network evaluates policies as https://kubernetes.io/docs/concepts/services-networking/network-policies
// has them: what no policy selects is open; else one rule of one policy must allow it,
// at both ends. What this test does not know of is an error, never ignored.
type network struct {
	t        *testing.T
	policies []networkingv1.NetworkPolicy
}

func networkOf(t *testing.T, objects []*unstructured.Unstructured) network {
	t.Helper()
	n := network{t: t}
	for _, u := range objects {
		if u.GetKind() != "NetworkPolicy" {
			continue
		}
		var p networkingv1.NetworkPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &p, true); err != nil {
			t.Fatalf("NetworkPolicy %s: %v", u.GetName(), err)
		}
		if p.Namespace != here || len(p.Spec.PolicyTypes) == 0 {
			t.Fatalf("NetworkPolicy %s: in namespace %q, of types %v", p.Name, p.Namespace, p.Spec.PolicyTypes)
		}
		n.policies = append(n.policies, p)
	}
	return n
}

func (n network) matches(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		n.t.Fatal(err)
	}
	return selector.Matches(set)
}

// allowed reports whether a connection is possible.
func (n network) allowed(from, to endpoint, protocol corev1.Protocol, port int32) bool {
	return n.allowedAt(from, to, networkingv1.PolicyTypeEgress, protocol, port) &&
		n.allowedAt(to, from, networkingv1.PolicyTypeIngress, protocol, port)
}

// allowedAt reports whether the policies of one end allow a connection with its peer.
func (n network) allowedAt(end, peer endpoint, direction networkingv1.PolicyType, protocol corev1.Protocol, port int32) bool {
	isolated := false
	for _, p := range n.policies {
		if end.outside || end.namespace != p.Namespace || !slices.Contains(p.Spec.PolicyTypes, direction) || !n.matches(&p.Spec.PodSelector, end.labels) {
			continue
		}
		isolated = true
		if direction == networkingv1.PolicyTypeIngress {
			for _, rule := range p.Spec.Ingress {
				if n.peerAllowed(rule.From, peer) && n.portAllowed(rule.Ports, protocol, port) {
					return true
				}
			}
			continue
		}
		for _, rule := range p.Spec.Egress {
			if n.peerAllowed(rule.To, peer) && n.portAllowed(rule.Ports, protocol, port) {
				return true
			}
		}
	}
	return !isolated
}

func (n network) peerAllowed(peers []networkingv1.NetworkPolicyPeer, e endpoint) bool {
	if len(peers) == 0 {
		return true
	}
	for _, p := range peers {
		if p.IPBlock != nil {
			n.t.Fatal("a rule has an ipBlock, which this test does not know")
		}
		inNamespace := e.namespace == here
		if p.NamespaceSelector != nil {
			inNamespace = n.matches(p.NamespaceSelector, labels.Set{"kubernetes.io/metadata.name": e.namespace})
		}
		if !e.outside && inNamespace && (p.PodSelector == nil || n.matches(p.PodSelector, e.labels)) {
			return true
		}
	}
	return false
}

func (n network) portAllowed(ports []networkingv1.NetworkPolicyPort, protocol corev1.Protocol, port int32) bool {
	if len(ports) == 0 {
		return true
	}
	for _, p := range ports {
		if p.Protocol == nil || p.Port == nil || p.Port.StrVal != "" || p.EndPort != nil {
			n.t.Fatalf("port %+v is of a form that this test does not know", p)
		}
		if *p.Protocol == protocol && p.Port.IntVal == port {
			return true
		}
	}
	return false
}

// The ports that are tried: the broker's, the one of its pod's loopback, those of its
// nodes and their streams, the page's, the page's beyond loopback, the metrics', a name server's, and one that nothing has.
var triedPorts = []struct {
	protocol corev1.Protocol
	port     int32
}{
	{corev1.ProtocolTCP, 8883}, {corev1.ProtocolTCP, 1883}, {corev1.ProtocolTCP, 6222}, {corev1.ProtocolTCP, 4222}, {corev1.ProtocolTCP, 8420}, {corev1.ProtocolTCP, 8443},
	{corev1.ProtocolTCP, 9000}, {corev1.ProtocolUDP, 53}, {corev1.ProtocolTCP, 53}, {corev1.ProtocolUDP, 8883}, {corev1.ProtocolTCP, 443},
}

// matrix lists every connection with a pod of hellox that is possible.
func matrix(t *testing.T, objects []*unstructured.Unstructured) (possible []string) {
	t.Helper()
	all := endpointsOf(t, objects)
	n := networkOf(t, objects)
	names := slices.Sorted(maps.Keys(all))
	roles := []string{roleBroadcast, roleBroker, roleReceive, MoveJob}
	for _, from := range names {
		for _, to := range names {
			if !slices.Contains(roles, from) && !slices.Contains(roles, to) {
				continue
			}
			for _, p := range triedPorts {
				if n.allowed(all[from], all[to], p.protocol, p.port) {
					possible = append(possible, fmt.Sprintf("%s -> %s %s %d", from, to, p.protocol, p.port))
				}
			}
		}
	}
	return possible
}

// reachable is all that may be reached of hellox's pods, and by them.
var reachable = []string{
	"broadcast -> broker TCP 8883",
	"broadcast -> dns TCP 53",
	"broadcast -> dns UDP 53",
	"client -> broker TCP 8883",
	"monitoring -> broadcast TCP 9000",
	"monitoring -> broker TCP 9000",
	"monitoring -> receive TCP 9000",
	"receive -> broker TCP 8883",
	"receive -> dns TCP 53",
	"receive -> dns UDP 53",
}

func TestNetworkPolicies(t *testing.T) {
	got := matrix(t, render(t, Options{Namespace: here}))
	slices.Sort(got)
	if !slices.Equal(got, reachable) {
		t.Errorf("reachable:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(reachable, "\n"))
	}
}

// Without one of the policies, or one of their parts, the table must be another one.
func TestNetworkPoliciesAreEachNeeded(t *testing.T) {
	objects := render(t, Options{Namespace: here})
	for i, u := range objects {
		if u.GetKind() != "NetworkPolicy" {
			continue
		}
		without := slices.Delete(slices.Clone(objects), i, i+1)
		if got := matrix(t, without); slices.Equal(slices.Sorted(slices.Values(got)), reachable) {
			t.Errorf("without NetworkPolicy %s the same is reachable", u.GetName())
		}
		for _, field := range []string{"podSelector", "ingress", "egress"} {
			changed := u.DeepCopy()
			spec := changed.Object["spec"].(map[string]any)
			if _, there := spec[field]; !there {
				continue
			}
			delete(spec, field)
			if field == "podSelector" {
				spec[field] = map[string]any{"matchLabels": map[string]any{"app": "nothing"}}
			}
			others := slices.Clone(objects)
			others[i] = changed
			if got := matrix(t, others); slices.Equal(slices.Sorted(slices.Values(got)), reachable) {
				t.Errorf("NetworkPolicy %s without %s: the same is reachable", u.GetName(), field)
			}
		}
	}
}

// reachableBy is what of hellox's pods may be reached besides, by component: by anything,
// if it ends so. A component that is not here changes nothing; three-nodes and move have
// tests of their own.
var reachableBy = map[string][]string{
	"page-tls":      {" -> receive TCP 8443"}, // browsers are outside
	"page-nodeport": {" -> receive TCP 8443"},
	"page-ingress":  {" -> receive TCP 8443"},
	"mqtt-nodeport": {" -> broker TCP 8883"}, // so are clients
	"plain":         {"own -> broker TCP 8883"},
}

func TestNetworkPoliciesOfComponents(t *testing.T) {
	for component, objects := range everyOverlay(t) {
		if component == "three-nodes" || component == "move" {
			continue
		}
		got, more := matrix(t, objects), reachableBy[component]
		for _, want := range reachable {
			if !slices.Contains(got, want) {
				t.Errorf("%s: not possible: %s", component, want)
			}
		}
		for _, end := range more {
			from := []string{"outside", "other", "own", "far-client"}
			if !strings.HasPrefix(end, " ") {
				from = []string{""}
			}
			for _, f := range from {
				if !slices.Contains(got, f+end) {
					t.Errorf("%s: not possible: %s", component, f+end)
				}
			}
		}
		for _, g := range got {
			if !slices.Contains(reachable, g) && !slices.ContainsFunc(more, func(end string) bool { return strings.HasSuffix(g, end) }) {
				t.Errorf("%s: possible, too: %s", component, g)
			}
		}
	}
}

// overlayWith ejects the base and adds components to it.
func overlayWith(t *testing.T, components ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := Eject(dir, OneNode); err != nil {
		t.Fatal(err)
	}
	text := "resources: [base]\ncomponents:\n"
	for _, c := range components {
		text += "  - components/" + c + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}
