package manifests

import (
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// AsksNone reports whether a broker is among the objects that lets in every client that
// reaches it, as the component plain has it.
func AsksNone(objects []*unstructured.Unstructured) bool {
	none := false
	for _, u := range objects {
		if u.GetKind() != "StatefulSet" || u.GetName() != roleBroker {
			continue
		}
		eachContainer(u.Object, func(c map[string]any) {
			args, _ := c["args"].([]any)
			none = none || slices.Contains(args, any("--insecure"))
		})
	}
	return none
}

// checkReach returns an error if a Service brings clients from beyond the cluster to a
// broker that asks none who it is.
func (o Options) checkReach(objects []*unstructured.Unstructured, own bool) error {
	if !AsksNone(objects) {
		return nil
	}
	broker := slices.IndexFunc(objects, func(u *unstructured.Unstructured) bool {
		return u.GetKind() == "StatefulSet" && u.GetName() == roleBroker
	})
	labels, _, _ := unstructured.NestedStringMap(objects[broker].Object, "spec", "template", "metadata", "labels")
	for _, u := range objects {
		if u.GetKind() != "Service" || !fromBeyond(u) || !selects(u, labels) {
			continue
		}
		hint := fmt.Sprintf("leave either components/plain or Service %s out of %s; components/mqtt-nodeport without plain has TLS", u.GetName(), filepath.Join(o.Overlay, "kustomization.yaml"))
		if own {
			hint = fmt.Sprintf("leave Service %s out; or the component client brings your pods what TLS needs (hellox manifests --eject)", u.GetName())
		}
		return &FolderError{
			Sentence: fmt.Sprintf("Service %s in %s opens the broker to the network beyond the cluster, and it has no TLS and asks no client who it is", u.GetName(), o.Overlay),
			Open:     true,
			hint:     hint,
		}
	}
	return nil
}

// fromBeyond reports whether a Service is reached from beyond the cluster.
func fromBeyond(service *unstructured.Unstructured) bool {
	kind, _, _ := unstructured.NestedString(service.Object, "spec", "type")
	addresses, _, _ := unstructured.NestedSlice(service.Object, "spec", "externalIPs")
	return kind == "NodePort" || kind == "LoadBalancer" || len(addresses) > 0
}

// selects reports whether a Service is for pods with these labels.
func selects(service *unstructured.Unstructured, labels map[string]string) bool {
	selector, _, _ := unstructured.NestedStringMap(service.Object, "spec", "selector")
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return len(selector) > 0
}
