package trust

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// Audience is whom the pods' tokens are for.
const Audience = "hellox-broker"

// retiredFor is how long a key that the cluster no longer has is still good: pods may
// hold tokens of 10 minutes that it signed, and the broker ends a connection an hour
// after that.
const retiredFor = 70 * time.Minute

// A keysFile is what the broker reads (broker/token has its form), and when the keys
// were retired that the cluster no longer has.
type keysFile struct {
	Issuer    string               `json:"issuer"`
	Audience  string               `json:"audience"`
	Namespace string               `json:"namespace"`
	Keys      []json.RawMessage    `json:"keys"`
	Retired   map[string]time.Time `json:"retired,omitempty"` // by key ID
}

// readKeys asks the API server for its issuer and the keys by which it signs tokens.
func readKeys(ctx context.Context, client *kube.Client) (f keysFile, err error) {
	var provider struct {
		Issuer string `json:"issuer"`
	}
	if err := client.GetJSON(ctx, "/.well-known/openid-configuration", &provider); err != nil {
		return f, fmt.Errorf("ask the cluster who signs its tokens: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	body, err := client.REST.Get().AbsPath("/openid/v1/jwks").SetHeader("Accept", "application/jwk-set+json").DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(body, &set)
	}
	if err != nil {
		return f, fmt.Errorf("ask the cluster for the keys of its tokens: %w", err)
	}
	if provider.Issuer == "" || len(set.Keys) == 0 {
		return f, errors.New("ask the cluster for the keys of its tokens: it names none")
	}
	return keysFile{Issuer: provider.Issuer, Audience: Audience, Keys: set.Keys}, nil
}

// file returns the text of the file for a namespace. Keys of the file before that the
// cluster no longer has stay for retiredFor, unless the cluster is another one now.
func (f keysFile) file(namespace, before string, now time.Time) ([]byte, error) {
	f.Namespace = namespace
	var old keysFile
	if json.Unmarshal([]byte(before), &old) == nil && old.Issuer == f.Issuer {
		f.keep(old, now.UTC().Truncate(time.Second))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("write the keys of the cluster's tokens: %w", err)
	}
	return text.Bytes(), nil
}

// keep adds the keys of old that are not in f and not retired for too long.
func (f *keysFile) keep(old keysFile, now time.Time) {
	has := map[string]bool{}
	for _, k := range f.Keys {
		has[keyID(k)] = true
	}
	for _, k := range old.Keys {
		id := keyID(k)
		if id == "" || has[id] {
			continue
		}
		since, known := old.Retired[id]
		if !known {
			since = now
		}
		if now.Sub(since) >= retiredFor {
			continue
		}
		if f.Retired == nil {
			f.Retired = map[string]time.Time{}
		}
		f.Keys, f.Retired[id] = append(f.Keys, k), since
	}
}

func keyID(key json.RawMessage) string {
	var k struct {
		ID string `json:"kid"`
	}
	_ = json.Unmarshal(key, &k) // what is no key has no ID
	return k.ID
}

// Keys returns the ConfigMap of the keys for an installation without up.
func Keys(ctx context.Context, client *kube.Client, namespace string) (*unstructured.Unstructured, error) {
	keys, err := readKeys(ctx, client)
	if err != nil {
		return nil, err
	}
	text, err := keys.file(namespace, "", time.Time{})
	if err != nil {
		return nil, err
	}
	return manifests.ConfigMap(namespace, manifests.BrokerKeys, "broker", map[string]string{KeysFile: string(text)}), nil
}

// clusterDomain returns the domain of the cluster's Services, as kubeadm has recorded
// it; kind and minikube are both made by it.
func clusterDomain(ctx context.Context, client *kube.Client) (string, error) {
	_, u, err := client.Get(ctx, ref("ConfigMap", "kube-system", "kubeadm-config"))
	if err != nil && !apierrors.IsForbidden(err) {
		return "", fmt.Errorf("ask the cluster for its domain: %w", err)
	}
	var config struct {
		Networking struct {
			Domain string `json:"dnsDomain"`
		} `json:"networking"`
	}
	_ = yaml.Unmarshal([]byte(dataOf(u, "ClusterConfiguration")), &config) // what kubeadm did not write has the default
	return cmp.Or(config.Networking.Domain, authority.DefaultDomain), nil
}
