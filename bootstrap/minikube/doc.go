// Package minikube is the cluster.Provider of minikube profiles.
//
//	List ──────────► minikube profile list --light, then each API server,
//	                 then minikube status for those that do not answer
//	Create, Start ─► minikube start, unpause, node start
//	Delete ────────► minikube delete
//	Connect ───────► the kubeconfig's entry, which must be minikube's and lead
//	                 to a node of the profile
//	Images ────────► one node with docker: Docker's API over TLS
//	                 docker driver: docker exec NODE crictl, ctr, podman
//	                 virtual machines: ssh, or minikube ssh
//
// minikube's answers take a second each, so as few as possible are asked for.
// How a profile is selected, and what is loaded, is in package cluster.
package minikube
