package trust

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/authority"
	"hellox/manifests"
)

// severalNodes are the objects of a broker of three nodes, and the annotation that their
// pods get.
func severalNodes(t *testing.T, c *Change) (objects []*unstructured.Unstructured, marks []string) {
	t.Helper()
	objects, err := manifests.Render(manifests.Options{Namespace: "press", ClusterSize: manifests.SeveralNodes})
	if err != nil {
		t.Fatal(err)
	}
	if c == nil {
		return objects, nil
	}
	if err := c.Mark(objects); err != nil {
		t.Fatal(err)
	}
	for _, u := range objects {
		if mark, found, _ := unstructured.NestedString(u.Object, "spec", "template", "metadata", "annotations", peersAnnotation); found {
			marks = append(marks, u.GetName()+" "+mark)
		}
	}
	slices.Sort(marks)
	return objects, marks
}

// peersIn returns what a Secret says, or stops the test.
func peersIn(t *testing.T, objects ...*unstructured.Unstructured) authority.Serving {
	t.Helper()
	for _, u := range objects {
		if u.GetName() == manifests.BrokerPeers {
			return authority.Serving{Bundle: decoded(u, caFile), Certificate: decoded(u, certFile), Key: decoded(u, privateKey)}
		}
	}
	t.Fatal("no certificate of the nodes")
	return authority.Serving{}
}

// TestPeers brings the certificate of the nodes, keeps it, and renews it: first all pods
// are replaced with both authorities, then they get the new certificate, by which no pod
// is replaced.
func TestPeers(t *testing.T) {
	a, client := newAPI(t)
	scope, hosts := authority.Scope{Namespace: "press"}, manifests.PeerNames()
	rendered, _ := severalNodes(t, nil)
	first := prepare(t, client, rendered, now)
	shown := peersIn(t, first.Objects...)
	if !first.Changed || first.NextPeers != nil || shown.PeerSigner(scope, hosts) == nil {
		t.Fatalf("the first: changed %v, next %v", first.Changed, first.NextPeers != nil)
	}
	_, marks := severalNodes(t, &first)
	if len(marks) != 2 {
		t.Errorf("marked are %v, want broker and receive", marks)
	}
	a.store(first.Objects...)
	again := prepare(t, client, rendered, now.Add(304*day))
	if again.Changed || !equal(again, first) {
		t.Error("61 days before the end something is made anew")
	}
	if _, same := severalNodes(t, &again); !slices.Equal(same, marks) {
		t.Error("pods are replaced without need")
	}

	due := prepare(t, client, rendered, now.Add(306*day))
	during := peersIn(t, due.Objects...)
	if due.NextPeers == nil || !bytes.Equal(during.Certificate, shown.Certificate) {
		t.Fatal("a renewal does not begin with the certificate of before")
	}
	next := peersIn(t, due.NextPeers)
	if !bytes.Equal(next.Bundle, during.Bundle) || bytes.Equal(next.Certificate, shown.Certificate) {
		t.Error("it does not end with a new certificate by what all know by then")
	}
	if during.PeerSigner(scope, hosts) == nil || next.PeerSigner(scope, hosts) == nil {
		t.Error("old and new do not know each other")
	}
	_, replaced := severalNodes(t, &due)
	if slices.Equal(replaced, marks) {
		t.Error("the pods are not replaced, and do not know the new authority")
	}
	a.store(due.Objects...)
	cut := prepare(t, client, rendered, now.Add(306*day))
	if cut.NextPeers == nil || !bytes.Equal(peersIn(t, cut.Objects...).Certificate, shown.Certificate) {
		t.Error("a renewal that was cut off is not begun anew")
	}
	a.store(due.NextPeers)
	done := prepare(t, client, rendered, now.Add(307*day))
	if done.NextPeers != nil || !bytes.Equal(peersIn(t, done.Objects...).Certificate, next.Certificate) {
		t.Error("what was renewed is renewed again")
	}
	if _, same := severalNodes(t, &done); !slices.Equal(same, replaced) {
		t.Error("pods are replaced once more after the renewal")
	}
	over := prepare(t, client, rendered, now.Add(1000*day))
	if !over.Changed || over.NextPeers != nil {
		t.Error("after the end it is not made anew at once")
	}
}

// TestPeersExpiry has the first of the certificates decide.
func TestPeersExpiry(t *testing.T) {
	a, client := newAPI(t)
	rendered, _ := severalNodes(t, nil)
	a.store(prepare(t, client, rendered, now).Objects...)
	earlier, err := authority.IssuePeers(authority.Scope{Namespace: "press"}, manifests.PeerNames(), now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	a.store(peersOf("press", authority.Serving{Bundle: earlier.Authority, Certificate: earlier.Certificate, Key: earlier.Key}))
	if end, err := Expiry(context.Background(), client, "press"); err != nil || !end.Equal(now.Add(authority.Lifetime-time.Hour)) {
		t.Errorf("it ends %s (%v)", end, err)
	}
}
