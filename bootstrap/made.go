package bootstrap

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

// A cluster that hellox made says so itself, in a ConfigMap: whether it may be
// deleted must not hang on a file of one machine, which another cluster of the
// same name could be mistaken by.
const (
	madeName      = "hellox-made-this-cluster"
	madeNamespace = "kube-system"
)

func (s *site) markMade(ctx context.Context) error {
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": madeName, "namespace": madeNamespace},
	}}
	_, err := s.objects.Resource(configMaps).Namespace(madeNamespace).Create(ctx, u, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("mark the cluster as made by hellox: %w", err)
	}
	return nil
}

func (s *site) wasMade(ctx context.Context) (bool, error) {
	_, err := s.objects.Resource(configMaps).Namespace(madeNamespace).Get(ctx, madeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask whether hellox made the cluster: %w", err)
	}
	return true, nil
}

// Made tells whether hellox made the cluster, whose deletion is its business then.
func Made(ctx context.Context, config *rest.Config) (bool, error) {
	s, err := newSite(config, madeNamespace)
	if err != nil {
		return false, err
	}
	return s.wasMade(quiet(ctx))
}
