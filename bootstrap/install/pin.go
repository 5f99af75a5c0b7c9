package install

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
)

// minikubeHostpath is the provisioner of minikube's own storage class. It makes a
// volume's folder, writable for all, on the node that it runs on, and the volume says
// of no node that it must be used there. On another node the container runtime makes
// the folder, root's own, and a pod that is not root cannot write to it.
const minikubeHostpath = "k8s.io/minikube-hostpath"

// defaultClass is the annotation of the storage class of claims that name none.
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// PinToStorage makes those of objects that use a volume of minikube's provisioner run
// on the node where that makes folders, which is first unless its pod says otherwise.
// A workload that selects its nodes itself is not changed. It returns the names of
// those that it changed, and the node.
func PinToStorage(ctx context.Context, inst *Installation, objects []*unstructured.Unstructured, first string) (pinned []string, node string, err error) {
	hostpath, err := hostpathClasses(ctx, inst)
	if err != nil || len(hostpath) == 0 {
		return nil, "", err
	}
	claims := make(map[string]string) // class by claim
	for _, u := range objects {
		if kube.RefOf(u).HoldsData() {
			claims[u.GetName()] = classOf(u.Object)
		}
	}
	node = first
	pod, err := inst.client.All(kube.Pods).Namespace("kube-system").Get(ctx, "storage-provisioner", metav1.GetOptions{})
	if err == nil {
		if on, _, _ := unstructured.NestedString(pod.Object, "spec", "nodeName"); on != "" {
			node = on
		}
	}
	for _, u := range objects {
		spec, ok, _ := unstructured.NestedMap(u.Object, "spec", "template", "spec")
		if !ok || !usesClass(u, spec, claims, hostpath) || selectsNodes(spec) {
			continue
		}
		selector := map[string]any{corev1.LabelHostname: node}
		if err := unstructured.SetNestedMap(u.Object, selector, "spec", "template", "spec", "nodeSelector"); err != nil {
			return pinned, node, fmt.Errorf("select the node of %s %s: %w", u.GetKind(), u.GetName(), err)
		}
		pinned = append(pinned, u.GetName())
	}
	return pinned, node, nil
}

// hostpathClasses returns the storage classes of minikube's provisioner, with "" if
// one of them is the default.
func hostpathClasses(ctx context.Context, inst *Installation) (map[string]bool, error) {
	list, err := inst.client.All(kube.StorageClasses).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the storage classes: %w", err)
	}
	classes := make(map[string]bool)
	for _, u := range list.Items {
		if provisioner, _, _ := unstructured.NestedString(u.Object, "provisioner"); provisioner != minikubeHostpath {
			continue
		}
		classes[u.GetName()] = true
		if u.GetAnnotations()[defaultClass] == "true" {
			classes[""] = true
		}
	}
	return classes, nil
}

// classOf returns the storage class that a claim, or the template of one, names.
func classOf(claim map[string]any) string {
	class, _, _ := unstructured.NestedString(claim, "spec", "storageClassName")
	return class
}

// usesClass reports whether the workload u, whose pods have that spec, has a volume of
// one of the classes.
func usesClass(u *unstructured.Unstructured, spec map[string]any, claims map[string]string, classes map[string]bool) bool {
	templates, _, _ := unstructured.NestedSlice(u.Object, "spec", "volumeClaimTemplates")
	for _, t := range templates {
		if claim, ok := t.(map[string]any); ok && classes[classOf(claim)] {
			return true
		}
	}
	volumes, _, _ := unstructured.NestedSlice(spec, "volumes")
	for _, v := range volumes {
		volume, ok := v.(map[string]any)
		if !ok {
			continue
		}
		name, _, _ := unstructured.NestedString(volume, "persistentVolumeClaim", "claimName")
		if class, ok := claims[name]; ok && classes[class] {
			return true
		}
	}
	return false
}

// selectsNodes reports whether the pods of that spec say themselves where they run.
func selectsNodes(spec map[string]any) bool {
	for _, field := range []string{"nodeSelector", "nodeName"} {
		if _, ok := spec[field]; ok {
			return true
		}
	}
	_, ok, _ := unstructured.NestedMap(spec, "affinity", "nodeAffinity")
	return ok
}
