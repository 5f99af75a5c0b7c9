package bootstrap

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A ref names one object of a cluster.
type ref struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

func refOf(u *unstructured.Unstructured) ref {
	return ref{u.GetAPIVersion(), u.GetKind(), u.GetNamespace(), u.GetName()}
}

// String is its kind and name as people write them: StatefulSet broker.
func (r ref) String() string { return r.Kind + " " + r.Name }

// holdsData tells whether deleting the object deletes what users said.
func (r ref) holdsData() bool { return r.APIVersion == "v1" && r.Kind == "PersistentVolumeClaim" }

func compareRefs(a, b ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.APIVersion, b.APIVersion))
}

// names lists refs as a part of a sentence.
func names(refs []ref) string {
	said := make([]string, len(refs))
	for i, r := range refs {
		said[i] = r.String()
	}
	return strings.Join(said, ", ")
}

func byName(a, b unstructured.Unstructured) int { return cmp.Compare(a.GetName(), b.GetName()) }
