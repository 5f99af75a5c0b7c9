package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/authority"
	"hellox/manifests"
)

// testKindApply hands the manifests that hellox wrote, with their component for a
// storage class, to kubectl apply -k: it takes the same files. What up brings otherwise
// is brought by hand: a certificate, as cert-manager would, and the cluster's keys.
func testKindApply(t *testing.T, r *kindRig) {
	const namespace = "hellox-kubectl"
	dir := filepath.Join(r.dir, "ejected")
	r.run(t, "manifests", "--eject", dir)
	_, tag, _ := strings.Cut(r.image, ":")
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: " + namespace + "\n" +
		"resources: [base]\ncomponents: [components/storage-class]\nimages: [{name: hellox.local/hellox, newTag: " + tag + "}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Log(r.kubectl(t, "apply", "-k", dir))
	issued, err := authority.Issue(authority.Scope{Namespace: namespace}, "broker", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secret := manifests.ConfigMap(namespace, manifests.BrokerTLS, "broker", map[string]string{
		"tls.crt": base64.StdEncoding.EncodeToString(issued.Certificate), "tls.key": base64.StdEncoding.EncodeToString(issued.Key),
	})
	secret.SetKind("Secret")
	text, err := manifests.YAML([]*unstructured.Unstructured{secret, manifests.ConfigMap(namespace, manifests.BrokerCA, "broker", map[string]string{"ca.crt": string(issued.Authority)})})
	if err != nil {
		t.Fatal(err)
	}
	r.apply(t, "certificate.yaml", string(text))
	until(t, "the broker runs", func() bool {
		return r.kubectl(t, "-n", namespace, "get", "pod", "broker-0", "-o", "jsonpath={.status.phase}") == "Running"
	})
	until(t, "the broker says what it lacks", func() bool {
		return strings.Contains(r.kubectl(t, "-n", namespace, "logs", "broker-0"), "no pod is let in until there are the cluster's keys")
	})
	if ready := r.kubectl(t, "-n", namespace, "get", "pod", "broker-0", "-o", "jsonpath={.status.containerStatuses[0].ready}"); ready != "false" {
		t.Errorf("without the cluster's keys the broker's readiness is %s", ready)
	}
	keys, _ := r.run(t, "manifests", "--jwks", "--namespace", namespace, "--target", "kind", "--profile", r.cluster)
	if strings.Contains(keys, "PRIVATE") || strings.Contains(keys, `"d":`) {
		t.Errorf("a secret is printed:\n%s", keys)
	}
	r.apply(t, "keys.yaml", keys)
	// A kubelet looks after what is mounted at once when its pod changes, else once a minute.
	r.kubectl(t, "-n", namespace, "annotate", "pod", "broker-0", "looked-after=now")
	for _, workload := range []string{"statefulset/broker", "deployment/receive", "statefulset/broadcast"} {
		r.kubectl(t, "-n", namespace, "rollout", "status", workload, "--timeout", "3m")
	}
	if classes := r.kubectl(t, "-n", namespace, "get", "persistentvolumeclaims", "-o", "jsonpath={.items[*].spec.storageClassName}"); classes != "standard standard" {
		t.Errorf("the volumes have the storage classes %q", classes)
	}
	if images := r.podImages(t, namespace); len(images) != 1 || images[0] != r.image {
		t.Errorf("the pods run %v, want %s", images, r.image)
	}
	r.kubectl(t, "delete", "-k", dir)
}

// apply applies a file of that text.
func (r *kindRig) apply(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.kubectl(t, "apply", "-f", file)
}
