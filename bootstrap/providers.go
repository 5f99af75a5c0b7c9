package bootstrap

import "hellox/bootstrap/run"

// ProviderOptions configures Providers.
type ProviderOptions struct {
	Runner *run.Runner
	// StateDir and CacheDir are folders for files that must be kept and for
	// files that may be deleted.
	StateDir, CacheDir string
	NodeImage          string // of a kind cluster that is created; "": kind's own
}

// Providers returns the providers of local clusters, the one that Find prefers
// first.
func Providers(o ProviderOptions) []Provider {
	return []Provider{
		NewMinikube(MinikubeOptions{Runner: o.Runner, StateDir: o.StateDir, CacheDir: o.CacheDir}),
		NewKind(KindOptions{Runner: o.Runner, StateDir: o.StateDir, NodeImage: o.NodeImage}),
	}
}

// Targets returns what a person can ask for as a target.
func Targets() []Target { return []Target{Auto, MinikubeTarget, KindTarget, Local} }
