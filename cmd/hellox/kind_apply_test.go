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

// certManager is what of cert-manager the API server must know to take its objects.
const certManager = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: PLURAL.cert-manager.io}
spec:
  group: cert-manager.io
  names: {kind: KIND, plural: PLURAL}
  scope: Namespaced
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
`

// testKindApply hands the manifests that hellox wrote, with their components for a
// storage class and for cert-manager, to kubectl apply -k: it takes the same files. What
// up brings otherwise is brought by hand: the Secret that cert-manager makes of the
// component's Certificate, and the cluster's keys.
func testKindApply(t *testing.T, r *kindRig) {
	const namespace = "hellox-kubectl"
	dir := filepath.Join(r.dir, "ejected")
	r.run(t, "manifests", "--eject", dir)
	_, tag, _ := strings.Cut(r.image, ":")
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: " + namespace + "\n" +
		"resources: [base]\ncomponents: [components/storage-class, components/cert-manager]\nimages: [{name: hellox.local/hellox, newTag: " + tag + "}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	r.knowCertManager(t)
	t.Log(r.kubectl(t, "apply", "-k", dir))
	until(t, "the broker's pod says that its certificate is missing", func() bool {
		return strings.Contains(r.kubectl(t, "-n", namespace, "get", "events", "--field-selector", "involvedObject.name=broker-0", "-o", "jsonpath={.items[*].message}"), `secret "broker-tls" not found`)
	})
	r.certify(t, namespace)
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
	r.kubectl(t, "delete", "customresourcedefinition", "issuers.cert-manager.io", "certificates.cert-manager.io")
}

// knowCertManager has the API server take the objects of cert-manager, with which nothing
// is done.
func (r *kindRig) knowCertManager(t *testing.T) {
	t.Helper()
	for kind, plural := range map[string]string{"Issuer": "issuers", "Certificate": "certificates"} {
		r.apply(t, plural+".yaml", strings.NewReplacer("KIND", kind, "PLURAL", plural).Replace(certManager))
		r.kubectl(t, "wait", "--for=condition=Established", "customresourcedefinition/"+plural+".cert-manager.io", "--timeout=1m")
	}
}

// certify makes the Secret that cert-manager would.
func (r *kindRig) certify(t *testing.T, namespace string) {
	t.Helper()
	issued, err := authority.Issue(authority.Scope{Namespace: namespace}, "broker", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	secret := manifests.ConfigMap(namespace, manifests.BrokerTLS, "broker", map[string]string{
		"tls.crt": base64.StdEncoding.EncodeToString(issued.Certificate), "tls.key": base64.StdEncoding.EncodeToString(issued.Key),
		"ca.crt": base64.StdEncoding.EncodeToString(issued.Authority),
	})
	secret.SetKind("Secret")
	text, err := manifests.YAML([]*unstructured.Unstructured{secret})
	if err != nil {
		t.Fatal(err)
	}
	r.apply(t, "certificate.yaml", string(text))
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
