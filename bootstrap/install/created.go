package install

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
)

// A cluster that hellox created is marked by a ConfigMap in it: whether it may
// be deleted must not depend on a file of one machine, which could be taken for
// another cluster of the same name.
const (
	createdName      = "hellox-made-this-cluster"
	createdNamespace = "kube-system"
)

// MarkCreated marks the cluster as created by hellox.
func MarkCreated(ctx context.Context, config kube.Config) error {
	client, err := kube.New(config)
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": createdName, "namespace": createdNamespace},
	}}
	_, err = client.All(kube.ConfigMaps).Namespace(createdNamespace).Create(kube.WithoutKlog(ctx), u, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("mark the cluster as made by hellox: %w", err)
	}
	return nil
}

// CreatedByHellox reports whether hellox created the cluster, and so may delete
// it.
func CreatedByHellox(ctx context.Context, config kube.Config) (bool, error) {
	client, err := kube.New(config)
	if err != nil {
		return false, err
	}
	_, err = client.All(kube.ConfigMaps).Namespace(createdNamespace).Get(kube.WithoutKlog(ctx), createdName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether hellox made the cluster: %w", err)
	}
	return true, nil
}
