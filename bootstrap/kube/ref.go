package kube

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A Ref names one object of a cluster.
type Ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// RefOf returns the reference of an object.
func RefOf(u *unstructured.Unstructured) Ref {
	return Ref{u.GetAPIVersion(), u.GetKind(), u.GetNamespace(), u.GetName()}
}

// String returns kind and name: StatefulSet broker.
func (r Ref) String() string { return r.Kind + " " + r.Name }

// HoldsData reports whether deleting the object deletes users' data.
func (r Ref) HoldsData() bool { return r.APIVersion == "v1" && r.Kind == "PersistentVolumeClaim" }

// CompareRefs orders references by kind, namespace and name.
func CompareRefs(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion))
}

// Names lists refs for a sentence.
func Names(refs []Ref) string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
	}
	return strings.Join(names, ", ")
}

// Few lists the first of refs for a sentence, and how many more there are.
func Few(refs []Ref) string {
	const few = 3
	if len(refs) <= few {
		return Names(refs)
	}
	return fmt.Sprintf("%s and %d more", Names(refs[:few]), len(refs)-few)
}

// ByName orders objects by name.
func ByName(a, b unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) }
