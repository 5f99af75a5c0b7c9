package manifests

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The sizes of the broker: one process, or several nodes with everything on each.
const (
	OneNode      = 1
	SeveralNodes = 3
)

// severalComponent is the component that makes SeveralNodes of the base.
const severalComponent = "components/three-nodes"

// The names of the volume claims of each size, without the number of a pod.
const (
	historyClaim = "history"
	dataClaim    = "data-broker-"
	streamsClaim = "streams-broker-"
)

// PeerNames returns the names of the nodes within the namespace.
func PeerNames() (names []string) {
	for i := range SeveralNodes {
		names = append(names, fmt.Sprintf("%s-%d.%s-pods", roleBroker, i, roleBroker))
	}
	return names
}

// ClusterSize returns how many nodes the broker has that is among the objects; 0 if none
// is.
func ClusterSize(objects []*unstructured.Unstructured) int {
	for _, u := range objects {
		if u.GetKind() == "StatefulSet" && u.GetName() == roleBroker {
			return sizeOf(u.Object)
		}
	}
	return 0
}

// size returns the size of what the base is rendered as.
func (o Options) size() int { return cmp.Or(o.ClusterSize, o.PresentSize, OneNode) }

// sizeOf returns the size of a broker: its program says it.
func sizeOf(statefulSet map[string]any) int {
	size := OneNode
	eachContainer(statefulSet, func(c map[string]any) {
		if list, _ := c["args"].([]any); len(list) > 0 && list[0] == "nats" {
			size = SeveralNodes
		}
	})
	return size
}

// ClaimSize returns the size of the installation that made a volume claim of that name;
// 0 if it is none of hellox's.
func ClaimSize(name string) int {
	switch {
	case strings.HasPrefix(name, streamsClaim):
		return SeveralNodes
	case name == historyClaim, strings.HasPrefix(name, dataClaim):
		return OneNode
	}
	return 0
}

// checkSize returns an error if the folder is not of the size that is asked for, or its
// broker cannot be.
func (o *overlayed) checkSize() error {
	dir := o.folder.dir
	if o.own {
		if o.size == SeveralNodes && !o.knowsIdentities() {
			return &FolderError{
				Sentence: fmt.Sprintf("none of the pods in %s knows the broker's certificate, and a broker of %d nodes lets in none without TLS", dir, SeveralNodes),
				hint:     "the component client brings what they need (hellox manifests --eject); or leave --cluster-size out",
			}
		}
		return nil
	}
	for _, r := range o.objects.Resources() {
		object, err := r.Map()
		if err != nil || r.GetKind() != "StatefulSet" || r.GetName() != roleBroker {
			continue
		}
		size, where := sizeOf(object), filepath.Join(dir, "kustomization.yaml")
		value, _, _ := unstructured.NestedFieldNoCopy(object, "spec", "replicas")
		replicas, _ := strconv.Atoi(fmt.Sprint(value)) // what kustomize reads is of several types
		switch {
		case size == OneNode && replicas > 1:
			return &FolderError{Sentence: fmt.Sprintf("the broker in %s is hellox broker, of which there can be one, and has %d replicas", dir, replicas), hint: fmt.Sprintf("list %s, without plain, among the components in %s", severalComponent, where)}
		case o.asked == SeveralNodes && size != SeveralNodes:
			return &FolderError{Sentence: fmt.Sprintf("the broker in %s is one process, not %d nodes", dir, SeveralNodes), hint: fmt.Sprintf("list %s among the components in %s", severalComponent, where)}
		case o.asked == OneNode && size != OneNode:
			return &FolderError{Sentence: fmt.Sprintf("the broker in %s has %d nodes, not one", dir, size), hint: fmt.Sprintf("leave %s out of %s", severalComponent, where)}
		}
	}
	return nil
}
