package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testKindApply hands the manifests that hellox wrote, with their component for a
// storage class, to kubectl apply -k: it takes the same files.
func testKindApply(t *testing.T, r *kindRig) {
	dir := filepath.Join(r.dir, "ejected")
	r.run(t, "manifests", "--eject", dir)
	_, tag, _ := strings.Cut(r.image, ":")
	kustomization := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: hellox-kubectl\n" +
		"resources: [base]\ncomponents: [components/storage-class]\nimages: [{name: hellox.local/hellox, newTag: " + tag + "}]\n"
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Log(r.kubectl(t, "apply", "-k", dir))
	for _, workload := range []string{"statefulset/broker", "deployment/receive", "statefulset/broadcast"} {
		r.kubectl(t, "-n", "hellox-kubectl", "rollout", "status", workload, "--timeout", "2m")
	}
	if classes := r.kubectl(t, "-n", "hellox-kubectl", "get", "persistentvolumeclaims", "-o", "jsonpath={.items[*].spec.storageClassName}"); classes != "standard standard" {
		t.Errorf("the volumes have the storage classes %q", classes)
	}
	if images := r.podImages(t, "hellox-kubectl"); len(images) != 1 || images[0] != r.image {
		t.Errorf("the pods run %v, want %s", images, r.image)
	}
	r.kubectl(t, "delete", "-k", dir)
}
