package kube

import "testing"

// TestCommands: what is typed from a hint is for the cluster and the installation that
// the hint is about, not for those that are current.
func TestCommands(t *testing.T) {
	c := Commands{Context: "kind-two", Target: "kind", Profile: "two"}.In("press")
	for got, want := range map[string]string{
		c.Cluster("get nodes"):           "kubectl --context kind-two get nodes",
		c.Namespaced("delete pvc data"):  "kubectl --context kind-two --namespace press delete pvc data",
		c.Hellox("logs broker"):          "hellox logs broker --target kind --profile two --namespace press",
		Commands{}.Namespaced("get pvc"): "kubectl get pvc",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
