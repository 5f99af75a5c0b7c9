package cause

import corev1 "k8s.io/api/core/v1"

// A Lookup answers what a cause needs besides the pod and its events. What cannot be
// read is nil: the cause then says less.
type Lookup interface {
	Nodes() []corev1.Node
	// Pods are those of all namespaces.
	Pods() []corev1.Pod
	// Claims are those of the pod's namespace.
	Claims() []corev1.PersistentVolumeClaim
	StorageClasses() []StorageClass
	// ClaimEvents are the events of one claim.
	ClaimEvents(name string) []Event
}

// A StorageClass is what makes the volumes of claims that name it.
type StorageClass struct {
	Name    string
	Default bool
}
