// Package cluster finds a local Kubernetes cluster, brings it to the point
// where its nodes are ready and its API server is proven to be on this
// machine, and loads images into its nodes.
//
//	Find ── asks every ──► Provider.List ──► Candidates
//	  │ selects one: running, then stopped, then absent
//	  ▼
//	Found ── Start ──► Provider.Create or Start, Connect, wait for nodes
//	  │   └─ Connect ─► the same without starting anything
//	  ▼
//	Cluster ── Load ──► NodeImages: does the node have it? load; does it now?
//
// The providers are package kind and package minikube, which use what they
// share from here: the user's kubeconfig, proofs that an address is local, the
// marker of a creation that was interrupted, and the ways into a node. Nothing
// here depends on a provider. What is installed in a cluster is not known here.
package cluster
