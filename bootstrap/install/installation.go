package install

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// fieldManager owns, in server-side apply, the fields that hellox sets.
const fieldManager = "hellox"

// roleLabel is the label that names the role of an object.
const roleLabel = "app.kubernetes.io/component"

// An Installation is the client for one installation: a namespace of a cluster.
type Installation struct {
	Namespace string
	client    *kube.Client
	commands  kube.Commands // of hints about the installation
}

// New returns the client for the installation in namespace, whether
// there is one or not.
func New(config kube.Config, namespace string) (*Installation, error) {
	client, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	return &Installation{Namespace: namespace, client: client, commands: client.Commands.In(namespace)}, nil
}

// Client returns the client of the installation's cluster.
func (inst *Installation) Client() *kube.Client { return inst.client }

// in returns the resource within the installation's namespace.
func (inst *Installation) in(r schema.GroupVersionResource) dynamic.ResourceInterface {
	return inst.client.All(r).Namespace(inst.Namespace)
}

// Selector selects the objects of the installation, by label.
func (inst *Installation) Selector() string { return Selector(inst.Namespace) }

// Selector selects the objects of the installation in namespace, by label; with
// a role those of that role.
func Selector(namespace string, role ...string) string {
	selector := manifests.InstallationLabel + "=" + namespace
	for _, r := range role {
		selector += "," + roleLabel + "=" + r
	}
	return selector
}

// belongs reports whether u is part of the installation.
func (inst *Installation) belongs(u *unstructured.Unstructured) bool {
	return u.GetLabels()[manifests.InstallationLabel] == inst.Namespace
}

// labels returns the labels of what hellox itself stores beside the manifests'
// objects.
func (inst *Installation) labels() map[string]any {
	return map[string]any{
		manifests.InstallationLabel:    inst.Namespace,
		"app.kubernetes.io/name":       "hellox",
		"app.kubernetes.io/instance":   inst.Namespace,
		"app.kubernetes.io/part-of":    "hellox",
		"app.kubernetes.io/managed-by": "hellox",
	}
}
