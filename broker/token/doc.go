// Package token identifies pods of a Kubernetes cluster by the tokens of their
// ServiceAccounts, without asking the cluster:
//
//	the cluster's keys, a file ──► ParseKeys ──► Keys.Verify ──► Claims: namespace,
//	                                                  ▲          ServiceAccount, pod
//	CONNECT: pod's name, token ───────────────────────┘
//	keys' file, ACL file ──► Open ──► Pods, a rights.Authority
//
// The keys' file is JSON: the JSON Web Key Set of the cluster's API server, and
// beside its "keys" the "issuer" and "audience" that a token must name and the
// "namespace" whose pods may connect. Who writes the file is not known here.
//
// What is signed is read by github.com/go-jose/go-jose. Which key and algorithm
// may sign, and what a token must say, is decided here; what a pod may do is
// decided by broker/rights.
package token
