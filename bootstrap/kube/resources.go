package kube

import "k8s.io/apimachinery/pkg/runtime/schema"

// The resources that hellox uses by name. Any other is looked up by its kind.
var (
	Namespaces     = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	ConfigMaps     = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	Pods           = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	Nodes          = schema.GroupVersionResource{Version: "v1", Resource: "nodes"}
	Events         = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	Claims         = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
	Volumes        = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"}
	StatefulSets   = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "statefulsets"}
	Deployments    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	StorageClasses = schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"}
	Leases         = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	ReplicaSets    = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "replicasets"}
	Jobs           = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	Secrets        = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
)
