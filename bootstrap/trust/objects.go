package trust

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// A Change is what an up brings beside the manifests' objects.
type Change struct {
	// Objects are applied with those of the manifests.
	Objects []*unstructured.Unstructured
	// Changed is set if the pods may hold something else than the objects say.
	Changed bool
	// Renewing is set if the broker's certificate is to be renewed, or a renewal that
	// was cut off to be ended, once the roles are rolled out.
	Renewing *Renewal
	// NextPeers is the Secret of the nodes and receivers that takes the place of the one
	// among Objects, to be applied once all pods know its authority; nil: there is none.
	NextPeers *unstructured.Unstructured

	peers []byte // the authorities that the nodes know
}

// Prepare returns what the rendered objects need and do not bring themselves, as it
// is in the cluster where that is still good. It changes nothing.
func Prepare(ctx context.Context, client *kube.Client, namespace string, rendered []*unstructured.Unstructured, now time.Time) (Change, error) {
	needed := neededBy(rendered)
	var keys, certificates, peers Change
	g, ctx := errgroup.WithContext(ctx)
	if needed.keys {
		g.Go(func() error { return keys.keys(ctx, client, namespace, now) })
	}
	if needed.certificate {
		g.Go(func() error { return certificates.certificates(ctx, client, namespace, now) })
	}
	if needed.peers {
		g.Go(func() error { return peers.certificatesOfPeers(ctx, client, namespace, now) })
	}
	err := g.Wait()
	return Change{
		Objects:  slices.Concat(keys.Objects, certificates.Objects, peers.Objects),
		Changed:  keys.Changed || certificates.Changed || peers.Changed,
		Renewing: certificates.Renewing, NextPeers: peers.NextPeers, peers: peers.peers,
	}, err
}

// keys adds the keys of the cluster's tokens.
func (c *Change) keys(ctx context.Context, client *kube.Client, namespace string, now time.Time) error {
	keys, err := readKeys(ctx, client)
	if err != nil {
		return err
	}
	_, live, err := client.Get(ctx, ref("ConfigMap", namespace, manifests.BrokerKeys))
	if err != nil {
		return fmt.Errorf("read the keys in namespace %s: %w", namespace, err)
	}
	before := dataOf(live, KeysFile)
	text, err := keys.file(namespace, before, now)
	if err != nil {
		return err
	}
	c.Changed = string(text) != before
	c.Objects = append(c.Objects, manifests.ConfigMap(namespace, manifests.BrokerKeys, "broker", map[string]string{KeysFile: string(text)}))
	return nil
}

// The keys of the objects' data.
const (
	KeysFile   = "keys.json"
	caFile     = "ca.crt"
	certFile   = "tls.crt"
	privateKey = "tls.key"
)

// service is the Service that the certificate is for.
const service = "broker"

// certificates adds the Secret and the ConfigMap that belong together: those that are
// there, new ones, or, if they are due, those that begin a renewal.
func (c *Change) certificates(ctx context.Context, client *kube.Client, namespace string, now time.Time) error {
	stored, err := readServing(ctx, client, namespace)
	if err != nil {
		return err
	}
	domain, err := clusterDomain(ctx, client)
	if err != nil {
		return err
	}
	scope := authority.Scope{Namespace: namespace, Domain: domain}
	signer := stored.Signer(scope, service)
	end := authority.Expiry(stored.Certificate, signer)
	if signer != nil && !authority.Due(end, now) {
		c.Objects = append(c.Objects, objectsOf(namespace, stored)...)
		if !bytes.Equal(signer, stored.Bundle) {
			// A renewal was cut off after its certificate was stored.
			next := authority.Serving{Bundle: signer, Certificate: stored.Certificate, Key: stored.Key}
			c.Renewing = &Renewal{namespace, stored, next, askEvery}
		}
		return nil
	}
	issued, err := authority.Issue(scope, service, now)
	if err != nil {
		return err
	}
	c.Changed = true
	next := authority.Serving{Bundle: issued.Authority, Certificate: issued.Certificate, Key: issued.Key}
	if signer == nil || !now.Before(end) {
		// No client can connect as it is, so that nothing has to wait.
		c.Objects = append(c.Objects, objectsOf(namespace, next)...)
		return nil
	}
	old := authority.Serving{Bundle: authority.Join(signer, issued.Authority), Certificate: stored.Certificate, Key: stored.Key}
	c.Objects = append(c.Objects, objectsOf(namespace, old)...)
	c.Renewing = &Renewal{namespace, old, next, askEvery}
	return nil
}

// objectsOf returns the two objects that hold what a broker shows.
func objectsOf(namespace string, s authority.Serving) []*unstructured.Unstructured {
	return []*unstructured.Unstructured{secretOf(namespace, s), bundleOf(namespace, s.Bundle)}
}

func bundleOf(namespace string, bundle []byte) *unstructured.Unstructured {
	return manifests.ConfigMap(namespace, manifests.BrokerCA, "broker", map[string]string{caFile: string(bundle)})
}

func secretOf(namespace string, s authority.Serving) *unstructured.Unstructured {
	return newSecret(namespace, manifests.BrokerTLS, map[string][]byte{certFile: s.Certificate, privateKey: s.Key})
}

func newSecret(namespace, name string, files map[string][]byte) *unstructured.Unstructured {
	data := map[string]any{}
	for file, text := range files {
		data[file] = base64.StdEncoding.EncodeToString(text)
	}
	u := manifests.ConfigMap(namespace, name, "broker", nil)
	u.SetKind("Secret")
	u.Object["type"] = "kubernetes.io/tls"
	u.Object["data"] = data
	return u
}

// readServing reads what the broker shows and its clients trust, as it is stored.
func readServing(ctx context.Context, client *kube.Client, namespace string) (s authority.Serving, err error) {
	_, secret, err := client.Get(ctx, ref("Secret", namespace, manifests.BrokerTLS))
	if err != nil {
		return s, fmt.Errorf("read the broker's certificate in namespace %s: %w", namespace, err)
	}
	_, bundle, err := client.Get(ctx, ref("ConfigMap", namespace, manifests.BrokerCA))
	if err != nil {
		return s, fmt.Errorf("read the authorities in namespace %s: %w", namespace, err)
	}
	// What is not base64 is as good as not there: it is made anew.
	s.Certificate, s.Key = decoded(secret, certFile), decoded(secret, privateKey)
	s.Bundle = []byte(dataOf(bundle, caFile))
	return s, nil
}

// decoded returns a value of a Secret; nil if there is none.
func decoded(u *unstructured.Unstructured, key string) []byte {
	text, _ := base64.StdEncoding.DecodeString(dataOf(u, key))
	return text
}

// dataOf returns a value of a ConfigMap or Secret; "" if there is none.
func dataOf(u *unstructured.Unstructured, key string) string {
	if u == nil {
		return ""
	}
	text, _, _ := unstructured.NestedString(u.Object, "data", key)
	return text
}

func ref(kind, namespace, name string) kube.Ref {
	return kube.Ref{APIVersion: "v1", Kind: kind, Namespace: namespace, Name: name}
}

// needs is what the pods of some objects mount and the objects do not hold.
type needs struct{ certificate, keys, peers bool }

func neededBy(objects []*unstructured.Unstructured) (n needs) {
	brought := map[string]bool{}
	for _, u := range objects {
		name := u.GetName()
		if u.GetKind() == "Certificate" { // cert-manager's
			name, _, _ = unstructured.NestedString(u.Object, "spec", "secretName")
			brought["Secret "+name] = true
			continue
		}
		brought[u.GetKind()+" "+name] = true
	}
	mounted := map[string]bool{}
	for _, u := range objects {
		manifests.EachMounted(u.Object, func(kind, name string) { mounted[kind+" "+name] = !brought[kind+" "+name] })
	}
	n.certificate = mounted["Secret "+manifests.BrokerTLS] || mounted["ConfigMap "+manifests.BrokerCA]
	n.peers = mounted["Secret "+manifests.BrokerPeers]
	n.keys = mounted["ConfigMap "+manifests.BrokerKeys]
	return n
}
