package install

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// A Summary is what the list of a cluster's installations has of one.
type Summary struct {
	Namespace string `json:"namespace"`
	Image     string `json:"image,omitempty"` // of the last up
	// DataOnly: everything but its data was removed.
	DataOnly bool `json:"data_only,omitempty"`
}

// List returns the installations of a cluster, by namespace. They are
// found by the labels that up sets in the cluster, from any machine.
func List(ctx context.Context, config kube.Config) ([]Summary, error) {
	client, err := kube.New(config)
	if err != nil {
		return nil, err
	}
	return ListBy(ctx, client)
}

// ListBy is List with a client that is there, whose connection is used again.
func ListBy(ctx context.Context, client *kube.Client) ([]Summary, error) {
	ctx = kube.WithoutKlog(ctx)
	found := map[string]Summary{}
	// An up that was killed early leaves a namespace of its own without an
	// inventory.
	own, err := client.All(kube.Namespaces).List(ctx, metav1.ListOptions{LabelSelector: manifests.InstallationLabel})
	if err != nil {
		return nil, fmt.Errorf("look for installations: %w", err)
	}
	for _, u := range own.Items {
		if name := u.GetName(); u.GetLabels()[manifests.InstallationLabel] == name {
			found[name] = Summary{Namespace: name}
		}
	}
	recorded, err := readInventories(ctx, client)
	if err != nil {
		return nil, err
	}
	for namespace, inv := range recorded {
		found[namespace] = Summary{Namespace: namespace, Image: inv.Image, DataOnly: inv.DataOnly}
	}
	list := make([]Summary, 0, len(found))
	for _, i := range found {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Summary) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return list, nil
}

// readInventories returns the inventories of all installations of the cluster,
// by namespace. One that cannot be read is empty: it is an installation all the
// same.
func readInventories(ctx context.Context, client *kube.Client) (map[string]inventory, error) {
	list, err := client.All(kube.ConfigMaps).List(ctx, metav1.ListOptions{
		LabelSelector: manifests.InstallationLabel,
		FieldSelector: "metadata.name=" + inventoryName,
	})
	if err != nil {
		return nil, fmt.Errorf("look for installations: %w", err)
	}
	found := map[string]inventory{}
	for i := range list.Items {
		u := &list.Items[i]
		namespace := u.GetNamespace()
		inv, err := parseInventory(client.Commands.In(namespace), u)
		if err != nil {
			inv = inventory{}
		}
		found[namespace] = inv
	}
	return found, nil
}
