package trust

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// peersAnnotation is the hash of the authorities by which the nodes of a broker know each
// other: they read them once, so that pods are replaced when they change.
const peersAnnotation = "hellox.local/peers"

// certificatesOfPeers adds the Secret of the nodes and receivers: the one that is there, a
// new one, or, if it is due, the one that begins a renewal. For that all pods get the new
// authority beside the old one by a roll-out, and then NextPeers.
func (c *Change) certificatesOfPeers(ctx context.Context, client *kube.Client, namespace string, now time.Time) error {
	stored, err := readPeers(ctx, client, namespace)
	if err != nil {
		return err
	}
	domain, err := clusterDomain(ctx, client)
	if err != nil {
		return err
	}
	scope, names := authority.Scope{Namespace: namespace, Domain: domain}, manifests.PeerNames()
	signer := stored.PeerSigner(scope, names)
	end := authority.Expiry(stored.Certificate, signer)
	if signer != nil && !authority.Due(end, now) {
		c.bringPeers(namespace, stored)
		return nil
	}
	issued, err := authority.IssuePeers(scope, names, now)
	if err != nil {
		return err
	}
	c.Changed = true
	next := authority.Serving{Bundle: issued.Authority, Certificate: issued.Certificate, Key: issued.Key}
	if signer == nil || !now.Before(end) {
		// The nodes do not know each other as it is, so that nothing has to wait.
		c.bringPeers(namespace, next)
		return nil
	}
	// The old authority stays for good: its key is gone, and so it can sign nothing.
	next.Bundle = authority.Join(signer, issued.Authority)
	c.bringPeers(namespace, authority.Serving{Bundle: next.Bundle, Certificate: stored.Certificate, Key: stored.Key})
	c.NextPeers = peersOf(namespace, next)
	return nil
}

func (c *Change) bringPeers(namespace string, s authority.Serving) {
	c.peers = s.Bundle
	c.Objects = append(c.Objects, peersOf(namespace, s))
}

func peersOf(namespace string, s authority.Serving) *unstructured.Unstructured {
	return newSecret(namespace, manifests.BrokerPeers, map[string][]byte{caFile: s.Bundle, certFile: s.Certificate, privateKey: s.Key})
}

// readPeers reads what the nodes and receivers of an installation show each other.
func readPeers(ctx context.Context, client *kube.Client, namespace string) (authority.Serving, error) {
	_, secret, err := client.Get(ctx, ref("Secret", namespace, manifests.BrokerPeers))
	if err != nil {
		return authority.Serving{}, fmt.Errorf("read the certificate of the nodes in namespace %s: %w", namespace, err)
	}
	return authority.Serving{Bundle: decoded(secret, caFile), Certificate: decoded(secret, certFile), Key: decoded(secret, privateKey)}, nil
}

// Mark has the pods among the objects that know each other by certificates be replaced
// when the authorities of those change.
func (c *Change) Mark(objects []*unstructured.Unstructured) error {
	if c.peers == nil {
		return nil
	}
	for _, u := range objects {
		mounts := false
		manifests.EachMounted(u.Object, func(kind, name string) { mounts = mounts || kind == "Secret" && name == manifests.BrokerPeers })
		if !mounts {
			continue
		}
		path := []string{"spec", "template", "metadata", "annotations"}
		annotations, _, err := unstructured.NestedStringMap(u.Object, path...)
		if err != nil {
			return fmt.Errorf("read the annotations of %s: %w", kube.RefOf(u), err)
		}
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[peersAnnotation] = authority.Hash(c.peers)[:16]
		if err := unstructured.SetNestedStringMap(u.Object, annotations, path...); err != nil {
			return fmt.Errorf("annotate the pods of %s: %w", kube.RefOf(u), err)
		}
	}
	return nil
}
