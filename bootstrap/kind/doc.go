// Package kind is the cluster.Provider of kind clusters.
//
//	List ─────────► docker ps (or podman, nerdctl, finch): the nodes' containers
//	Create, Delete ► kind's library
//	Start ────────► docker start, docker unpause
//	Connect ──────► the user's kubeconfig, else kind's library; the API server
//	                must be a port that a node's container publishes
//	Images ───────► docker exec NODE crictl, ctr
//
// How a cluster is selected, and what is loaded, is in package cluster.
package kind
