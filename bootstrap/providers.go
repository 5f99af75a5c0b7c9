package bootstrap

import (
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/kind"
	"hellox/bootstrap/minikube"
	"hellox/bootstrap/run"
)

// ProviderOptions configures Providers.
type ProviderOptions struct {
	Runner *run.Runner
	// StateDir and CacheDir are folders for files that must be kept and for
	// files that may be deleted.
	StateDir, CacheDir string
	NodeImage          string // of a kind cluster that is created; "": kind's own
}

// Providers returns the providers of local clusters, the one that
// cluster.Find prefers first.
func Providers(o ProviderOptions) []cluster.Provider {
	return []cluster.Provider{
		minikube.New(minikube.Options{Runner: o.Runner, StateDir: o.StateDir, CacheDir: o.CacheDir}),
		kind.New(kind.Options{Runner: o.Runner, StateDir: o.StateDir, NodeImage: o.NodeImage}),
	}
}

// Targets returns what a person can ask for as a target.
func Targets() []cluster.Target {
	return []cluster.Target{cluster.Auto, minikube.Target, kind.Target, cluster.Local}
}
