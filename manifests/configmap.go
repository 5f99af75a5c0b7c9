package manifests

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// What up brings beside the base, by name: the broker's certificate and key, the
// authorities that its clients trust, the keys of the cluster's tokens, and, of several
// nodes, the certificate by which they and the receivers know each other.
const (
	BrokerTLS  = "broker-tls"  // a Secret
	BrokerCA   = "broker-ca"   // a ConfigMap
	BrokerKeys = "broker-keys" // a ConfigMap

	BrokerPeers = "broker-peers" // a Secret
)

// ConfigMap returns a ConfigMap of an installation, labelled as what Render returns.
func ConfigMap(namespace, name, component string, data map[string]string) *unstructured.Unstructured {
	values := make(map[string]any, len(data))
	for key, value := range data {
		values[key] = value
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": namespace, "labels": map[string]any{
			InstallationLabel:              namespace,
			"app.kubernetes.io/name":       "hellox",
			"app.kubernetes.io/instance":   namespace,
			"app.kubernetes.io/part-of":    "hellox",
			"app.kubernetes.io/component":  component,
			"app.kubernetes.io/managed-by": "hellox",
		}},
		"data": values,
	}}
}
